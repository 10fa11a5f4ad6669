//! What the chart has its Pods run, run by the program itself: with whatever values render, it starts.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::chart::{BARE, GOOD, folder};
use crate::support::countersign::{countersign_with, expect_to_serve};
use crate::support::installed::SYSTEM;
use crate::support::manifests::Helm;
use crate::support::pki::Authority;
use crate::support::scratch;

/// Where the chart mounts files.
const MOUNTED: &str = "/etc/countersign/";

/// A cluster that is away.
fn nowhere() -> String {
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- {name: c, context: {cluster: c, user: u}}\n\
                clusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:1'}}\nusers:\n- {name: u, user: {token: t}}\n";
    scratch::file(&scratch::folder("nowhere"), "config", text).display().to_string()
}

/// The files that a Pod finds: those of ConfigMaps as they were rendered, and Secrets as somebody might fill them.
fn mounted(objects: &[Value]) -> PathBuf {
    let files = scratch::folder("mounted");
    for mount in ["certificate", "docker", "reach", "registries", "workload-kinds"] {
        std::fs::create_dir(files.join(mount)).expect("a folder");
    }
    for (mount, name) in [("reach", "registries.yaml"), ("workload-kinds", "kinds.yaml")] {
        let text = objects.iter().find_map(|object| object["data"][name].as_str());
        scratch::file(&files.join(mount), name, text.unwrap_or_default());
    }
    let authority = Authority::new("registries");
    let leaf = authority.server("countersign", &[]);
    let read = |path: &Path| std::fs::read(path).expect("a file");
    scratch::file(&files.join("certificate"), "tls.crt", read(&leaf.certificate));
    scratch::file(&files.join("certificate"), "tls.key", read(&leaf.key));
    scratch::file(&files.join("registries"), "ca.crt", read(authority.file()));
    scratch::file(&files.join("docker"), "config.json", "{}");
    files
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn the_program_takes_all_arguments_that_the_chart_renders() {
    let kubeconfig = nowhere();
    let mut ran = 0;
    for values in GOOD.iter().chain([&BARE]) {
        let rendered = Helm::V3.template("countersign", &folder(), SYSTEM, values).expect_success();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
        let files = mounted(&objects);
        for object in &objects {
            let pod = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
            let Some(container) = pod["containers"].get(0) else { continue };
            let arguments = texts(&container["args"]).into_iter().map(|argument| match argument.as_str() {
                // Its own address, and no waiting for what does not come.
                "--listen=0.0.0.0:8443" => "--listen=127.0.0.1:0".to_owned(),
                "--wait=60" => "--wait=0".to_owned(),
                _ => argument.replace(MOUNTED, &format!("{}/", files.display())),
            });
            let arguments: Vec<_> = arguments.collect();
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let variables = container["env"].as_array().into_iter().flatten();
            let variables =
                variables.filter_map(|variable| Some((variable["name"].as_str()?, variable["value"].as_str()?)));
            let variables: Vec<_> = variables.chain([("KUBECONFIG", kubeconfig.as_str())]).collect();
            ran += 1;
            if arguments.first() == Some(&"serve") {
                let arguments = [&arguments[..], &["--kubeconfig", &kubeconfig]].concat();
                expect_to_serve(&arguments, &variables);
                // What it does not take is seen.
                let refused =
                    countersign_with(&[&arguments[..], &["--plain-http=http://r"]].concat(), None, &variables);
                assert_eq!(refused.code(), 2, "{refused}");
            } else {
                // It knows what it is to do, and cannot do it here.
                let tried = countersign_with(&arguments, None, &variables);
                assert_eq!(tried.code(), 3, "{values:?}: {tried}");
            }
        }
    }
    assert!(ran > 2 * GOOD.len(), "{ran}");
}

/// Helm reads a number of a file as one with a point, and prints large ones with an exponent.
#[test]
fn numbers_of_a_file_are_written_out() {
    let folder_of_values = scratch::folder("values");
    let text = "policies: {maxAgeSeconds: 2592000}\nnodeLostSeconds: 2592000\nautoscaling: {enabled: true}\n\
                podSecurityContext: {runAsUser: 1000660000, runAsGroup: 1000660000, fsGroup: 1000660000}\n\
                tolerations: [{key: a, operator: Exists, tolerationSeconds: 2592000}]\n";
    let file = scratch::file(&folder_of_values, "values.yaml", text).display().to_string();
    for helm in Helm::ALL {
        let rendered = helm.template_with("countersign", &folder(), SYSTEM, &[], &["-f", &file]).expect_success();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
        let deployment = objects.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
        let pod = &deployment["spec"]["template"]["spec"];
        let arguments = texts(&pod["containers"][0]["args"]);
        assert!(arguments.contains(&"--policies-max-age=2592000".to_owned()), "{arguments:?}");
        let seconds: Vec<_> = pod["tolerations"].as_array().expect("tolerations").iter().collect();
        assert_eq!(seconds.len(), 3);
        for toleration in seconds {
            assert_eq!(toleration["tolerationSeconds"].as_u64(), Some(2_592_000), "{toleration}");
        }
        for name in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod["securityContext"][name].as_u64(), Some(1_000_660_000), "{name}");
        }
        assert!(!rendered.contains("e+0"), "{rendered}");
    }
}
