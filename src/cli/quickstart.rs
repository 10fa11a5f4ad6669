//! `countersign quickstart`: the main job on real input, on this machine, in a few seconds.
//!
//! A registry and the webhook are started on free ports of the loopback interface. Images are pushed, really signed (or
//! not, or wrongly), and AdmissionReviews about them are posted over TLS, as an API server would post them. Every
//! verdict is compared with the one that is expected; if one differs, the command fails.

mod client;
mod scene;
mod stage;
mod table;

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Error, Exit, Outcome};
use scene::Scene;
use stage::Stage;

/// Try countersign on this machine: nothing is installed, nothing is left behind
///
/// Starts a registry and the webhook on loopback, signs images and judges them, and prints what came of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Images that the real cosign signed, as the OCI layouts `v2` and `v3` and its key `cosign.pub`, to be judged as well
    #[arg(long, value_name = "DIR")]
    cosign_data: Option<PathBuf>,
}

/// Plays every scene.
///
/// # Errors
/// When the stage cannot be set up. A verdict that is not the expected one is an outcome.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let stage = Stage::set_up(args.cosign_data.as_deref()).await?;
    let mut data = format!("registry  http://{}\nwebhook   https://{}\n\n", stage.registry(), stage.webhook());
    let mut rows = Vec::new();
    for scene in Scene::all(&stage, args.cosign_data.is_some()).await? {
        rows.push(stage.judge(scene).await?);
    }
    stage.stop().await;
    data.push_str(&table::table(&rows));
    if let Some(denied) = rows.iter().find(|row| row.is_denied()) {
        let _ = write!(data, "\nThis is what a developer sees of a refusal:\n\n{}", indent(denied.message()));
    }
    if args.cosign_data.is_none() {
        data.push_str("\nImages signed by the real cosign were left out; --cosign-data names a folder of them.\n");
    }
    let wrong = rows.iter().filter(|row| !row.is_expected()).count();
    if wrong > 0 {
        let message = format!("{wrong} of {} verdicts are not the expected ones", rows.len());
        return Ok(Outcome { data, messages: vec![message], exit: Exit::Refused, ..Outcome::default() });
    }
    data.push_str(HOW_TO_GO_ON);
    Ok(Outcome { data, ..Outcome::default() })
}

/// What to try next.
const HOW_TO_GO_ON: &str = "
Every verdict is the expected one. How to go on:

  countersign key generate                          make a key pair
  countersign sign IMAGE --key cosign.key           sign an image of yours
  countersign verify IMAGE --key cosign.pub         see what the webhook would say of it
  countersign policy check POLICY.yaml              check a policy; samples are in config/samples
  countersign serve --policies DIR                  run the webhook
";

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
