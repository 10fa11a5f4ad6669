//! The Pods that run, and the namespaces that ask for protection.

use kube::Client;

use super::object::Object;
use super::place::Place;
use super::watcher::List;
use super::wire;
use super::{Access, namespaces};
use crate::limits;

/// Pods that were not seen to end, page by page: each page is read when it is asked for, and no other is kept.
pub struct Pods {
    client: Client,
    place: Place,
    /// Where the next page begins; none after the last.
    next: Option<String>,
}

/// A Pod that runs, or is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of it, as JSON that names its kind.
    pub json: String,
}

/// The namespaces of a cluster, by whether they ask for protection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Those that do, by a label.
    pub namespaces: Vec<String>,
    /// How many do not.
    pub others: usize,
}

impl Access {
    /// The Pods of `namespace`, or of all.
    pub fn pods(&self, namespace: Option<&str>) -> Pods {
        let place = Place::new("", "v1", "pods", namespace).only("status.phase!=Succeeded,status.phase!=Failed");
        Pods { client: self.client.clone(), place, next: Some(String::new()) }
    }

    /// The namespaces that ask for protection, by the label of countersign or by that of policy-controller.
    ///
    /// # Errors
    /// When they cannot be listed: why.
    pub async fn asking(&self) -> Result<Asking, String> {
        let mut asking = Asking::default();
        for namespace in namespaces::list(&self.client).await.map_err(|error| error.to_string())? {
            if namespace.asks() {
                asking.namespaces.push(namespace.name);
            } else {
                asking.others = asking.others.saturating_add(1);
            }
        }
        Ok(asking)
    }
}

impl Pods {
    /// The next page; none after the last.
    ///
    /// # Errors
    /// When it cannot be read: why. Then nobody knows which Pods run.
    pub async fn next(&mut self) -> Result<Option<Vec<RunningPod>>, String> {
        let Some(next) = self.next.take() else {
            return Ok(None);
        };
        let page = limits::API_PAGE_TENANT_OBJECTS.to_string();
        let mut parameters = vec![("limit", page.as_str())];
        if !next.is_empty() {
            parameters.push(("continue", &next));
        }
        let request = wire::get(&self.place.query(&parameters)).map_err(|error| error.to_string())?;
        let body = wire::read(&self.client, request, limits::API_LIST_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        let (pods, more) = read(&body)?;
        self.next = Some(more).filter(|more| !more.is_empty());
        Ok(Some(pods))
    }
}

/// The Pods of a page, and where the next one begins.
fn read(body: &[u8]) -> Result<(Vec<RunningPod>, String), String> {
    let list: List<'_> = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let pods = list.items.unwrap_or_default().into_iter().map(|raw| {
        let Object { key: (namespace, name), .. } = Object::read(raw)?;
        // In a list nothing says of what kind it is.
        let members = raw.get().trim_start().strip_prefix('{').ok_or_else(unreadable)?;
        let json = format!(r#"{{"apiVersion":"v1","kind":"Pod",{members}"#);
        Ok(RunningPod { namespace, name, json })
    });
    Ok((pods.collect::<Result<_, String>>()?, list.metadata.more))
}

fn unreadable() -> String {
    "the list of pods cannot be read".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_a_list_says_that_it_is_one() {
        let page = br#"{"metadata":{"continue":"c"},"items":[{"metadata":{"namespace":"shop","name":"a"},"spec":{}}]}"#;
        let (pods, more) = read(page).unwrap();
        let pod = RunningPod {
            namespace: "shop".to_owned(),
            name: "a".to_owned(),
            json: r#"{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":"a"},"spec":{}}"#.to_owned(),
        };
        assert_eq!((pods, more), (vec![pod], "c".to_owned()));
        assert_eq!(read(br#"{"metadata":{},"items":null}"#), Ok((Vec::new(), String::new())));
        for broken in [&b"{\"items\":[3]}"[..], b"{\"items\":[{}]}", b"[]x", b""] {
            assert!(read(broken).is_err());
        }
    }
}
