//! `countersign ask`: whether a cluster would admit images.

use std::time::Duration;

use tokio::time::sleep;

use super::cluster_args::ClusterArgs;
use super::{Error, Exit, Outcome, clock};
use crate::cluster::Answer;
use crate::limits;

/// Ask a cluster whether it would admit images, and change nothing
///
/// Asks the API server, by a dry run, to create a Pod with each image in a namespace, and tells what countersign says. No
/// Pod is made. It needs the right to create Pods there.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign ask -n shop registry.example/shop/web:v5
  countersign ask -n shop registry.example/shop/web:v5 --denied docker.io/library/nginx")]
pub struct Args {
    /// The images that should be admitted
    #[arg(value_name = "IMAGE", required_unless_present = "denied")]
    images: Vec<String>,
    /// An image that countersign should refuse; may be given several times
    #[arg(long, value_name = "IMAGE")]
    denied: Vec<String>,
    /// The namespace; by default that of the pod, or of the kubeconfig's context
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Ask again for so many seconds before another answer than the expected one counts
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u16,
}

/// Asks.
///
/// # Errors
/// When the cluster cannot be reached at all.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let access = args.cluster.access(args.namespace.clone()).await?;
    let deadline = clock::deadline(Duration::from_secs(args.wait.into()));
    let expected = args.images.iter().map(|image| (image, false));
    let mut outcome = Outcome::default();
    for (image, refusal) in expected.chain(args.denied.iter().map(|image| (image, true))) {
        let mut answer = access.ask(image).await;
        while matches!(answer, Answer::Admitted) == refusal || matches!(answer, Answer::Unknown(_)) {
            if clock::instant() >= deadline {
                break;
            }
            sleep(limits::API_LONGEST_WAIT / 5).await;
            answer = access.ask(image).await;
        }
        let (line, exit) = told(image, &answer, refusal);
        outcome.data.push_str(&line);
        outcome.exit = outcome.exit.max(exit);
    }
    if outcome.exit == Exit::Unavailable {
        outcome
            .hints
            .push(format!("`kubectl auth can-i create pods -n {}` says whether you may ask", access.namespace()));
    }
    Ok(outcome)
}

/// One line about an image, and what it means where a refusal was expected or not.
fn told(image: &str, answer: &Answer, refusal: bool) -> (String, Exit) {
    let (word, exit) = match answer {
        Answer::Admitted if refusal => ("admitted, and should not be".to_owned(), Exit::Refused),
        Answer::Admitted => ("admitted".to_owned(), Exit::Success),
        Answer::Denied(why) if refusal => (format!("denied, as it should be: {why}"), Exit::Success),
        Answer::Denied(why) => (format!("denied: {why}"), Exit::Refused),
        Answer::Unknown(why) => (format!("not known: {why}"), Exit::Unavailable),
    };
    (format!("{image}  {}\n", word.split_whitespace().collect::<Vec<_>>().join(" ")), exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_counts() {
        let (admitted, denied, unknown) = (
            Answer::Admitted,
            Answer::Denied("key_mismatch:\n other key".to_owned()),
            Answer::Unknown("away".to_owned()),
        );
        assert_eq!(told("a", &admitted, false), ("a  admitted\n".to_owned(), Exit::Success));
        assert_eq!(told("a", &denied, false), ("a  denied: key_mismatch: other key\n".to_owned(), Exit::Refused));
        assert_eq!(told("a", &admitted, true).1, Exit::Refused);
        assert_eq!(told("a", &denied, true).1, Exit::Success);
        for refusal in [false, true] {
            assert_eq!(told("a", &unknown, refusal), ("a  not known: away\n".to_owned(), Exit::Unavailable));
        }
    }
}
