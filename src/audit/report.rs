//! Many Pods, each kind of them judged once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::pod::Pod;
use super::{DigestFrom, Row, Standing};
use crate::admission::Judge;
use crate::cluster::RunningPod;
use crate::gate::Gate;
use crate::image::{ContainerKind, ImageRef};
use crate::policy::{Denial, ObjectText, PinRule, PolicySet, Workload};

/// Pods that are to be judged.
pub struct Audit {
    set: Arc<PolicySet>,
    /// What conditions look at, in bytes: kept, and the most that is.
    objects: (usize, usize),
    groups: BTreeMap<Key, Group>,
    rows: BTreeMap<Row, usize>,
    pods: BTreeMap<Standing, usize>,
}

/// What makes Pods equal: nothing else of them is looked at.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    object: String,
    service_account: String,
    labels: BTreeMap<String, String>,
    images: Vec<(ContainerKind, String, ImageRef)>,
    /// The Pod, where a condition looks at more.
    pod: String,
}

struct Group {
    judge: Judge,
    named: Vec<(ImageRef, DigestFrom)>,
    object: String,
    pods: usize,
}

/// What would become of Pods.
#[derive(Debug, Default)]
pub struct Report {
    /// Each image of equal Pods, and how many Pods these are.
    pub rows: BTreeMap<Row, usize>,
    /// How many Pods there are whose worst image stands so. A Pod without images is not counted.
    pub pods: BTreeMap<Standing, usize>,
}

/// The Pods that conditions look at are too many to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Pods that conditions of policies look at have more than {0} bytes together")]
pub struct TooMuch(usize);

impl Audit {
    /// An audit by the policies of `set`, which keeps at most so many bytes of Pods for conditions to look at.
    pub fn new(set: Arc<PolicySet>, object_bytes: usize) -> Self {
        let (groups, rows, pods) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { set, objects: (0, object_bytes), groups, rows, pods }
    }

    /// Adds a Pod.
    ///
    /// # Errors
    /// When it would have to be kept and there is no room.
    pub fn add(&mut self, pod: &RunningPod) -> Result<(), TooMuch> {
        let Pod { mut judge, named } = match Pod::read(pod) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err(denial) => {
                self.refuse(&pod.namespace, &format!("Pod/{}", pod.name), &denial, 1);
                return Ok(());
            }
        };
        let plan = self.set.plan(&judge.workload, &judge.images, PinRule::Free);
        let is_looked_at = plan.about_objects().next().is_some();
        if is_looked_at {
            let (kept, most) = self.objects;
            self.objects.0 = kept.saturating_add(pod.json.len());
            if self.objects.0 > most {
                return Err(TooMuch(most));
            }
        } else {
            judge.workload.object = ObjectText::default();
        }
        let object = owner(&judge.workload);
        let images = judge.images.iter().map(|image| (image.kind, image.container.clone(), image.image.clone()));
        let key = Key {
            namespace: judge.workload.namespace.clone(),
            object: object.clone(),
            service_account: judge.workload.service_account.clone(),
            labels: judge.workload.labels.clone(),
            images: images.collect(),
            pod: if is_looked_at { pod.name.clone() } else { String::new() },
        };
        let group = self.groups.entry(key).or_insert_with(|| Group { judge, named, object, pods: 0 });
        group.pods = group.pods.saturating_add(1);
        Ok(())
    }

    /// Judges all of them by `gate`, so many `at_once` and each within `time`.
    pub async fn judge(mut self, gate: &Gate, at_once: usize, time: Duration) -> Report {
        let groups = std::mem::take(&mut self.groups).into_values();
        let judged = groups.map(|group| async move {
            let decided = gate.judge(&group.judge.workload, &group.judge.images, PinRule::Free, time).await;
            (group, decided)
        });
        let mut judged = stream::iter(judged).buffer_unordered(at_once.max(1));
        while let Some((group, decided)) = judged.next().await {
            let Group { judge: Judge { workload, .. }, named, object, pods } = group;
            match decided {
                Ok(decision) => {
                    let rows = named.iter().zip(&decision.verdicts);
                    let rows = rows.map(|(named, verdict)| Row::of(&workload, &object, named, verdict)).collect();
                    self.tell(rows, pods);
                }
                Err(failure) => {
                    let denial = Denial::new(failure.reason, failure.finding);
                    self.refuse(&workload.namespace, &object, &denial, pods);
                }
            }
        }
        Report { rows: self.rows, pods: self.pods }
    }

    fn refuse(&mut self, namespace: &str, object: &str, denial: &Denial, pods: usize) {
        self.tell(vec![Row::whole(namespace, object, denial)], pods);
    }

    fn tell(&mut self, rows: Vec<Row>, pods: usize) {
        let worst = rows.iter().map(|row| row.result).max().unwrap_or_default();
        add(self.pods.entry(worst).or_default(), pods);
        for row in rows {
            add(self.rows.entry(row).or_default(), pods);
        }
    }
}

fn add(count: &mut usize, more: usize) {
    *count = count.saturating_add(more);
}

/// What made the Pod, or the Pod.
fn owner(workload: &Workload) -> String {
    match &workload.owner {
        Some(owner) => format!("{}/{}", owner.kind, owner.name),
        None => format!("{}/{}", workload.kind, workload.name),
    }
}
