//! Blobs from one registry to another, larger than what is held in memory.

use bytes::Bytes;
use countersign::demo::{Options, Registry};
use countersign::evidence::Descriptor;
use countersign::image::Repository;
use countersign::limits;
use countersign::registry::{self, Anonymous, Client, CopiedBlob};

use crate::support::ample;

#[tokio::test]
async fn large_blobs_are_copied_in_parts() {
    let [from, to] =
        [Registry::start(Options::default()).await.unwrap(), Registry::start(Options::default()).await.unwrap()];
    let client = Client::new(registry::Options::default()).unwrap();
    let repository = |address| -> Repository { format!("{address}/a").parse().unwrap() };
    let (source, target) = (repository(from.address()), repository(to.address()));
    for size in [0, 1, limits::COPIED_PART_BYTES, limits::COPIED_PART_BYTES + 1, 2 * limits::COPIED_PART_BYTES + 7] {
        let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let blob = Descriptor::of("application/octet-stream", &bytes);
        from.put_blob("a", Bytes::from(bytes));
        let copy = async || client.copy_blob(&source, &target, &blob, &Anonymous, ample()).await.unwrap();
        assert_eq!(copy().await, CopiedBlob::Sent, "{size}");
        assert!(client.has_blob(&target, blob.digest, &Anonymous, ample()).await.unwrap());
        assert_eq!(copy().await, CopiedBlob::Found, "{size}");
        let within: Repository = format!("{}/b", from.address()).parse().unwrap();
        let mounted = client.copy_blob(&source, &within, &blob, &Anonymous, ample()).await.unwrap();
        assert_eq!(mounted, CopiedBlob::Mounted, "{size}");
        // What is not there, or not of that size, is not copied.
        let wrong = Descriptor { size: blob.size + 1, digest: countersign::image::Digest::of(b"x"), ..blob.clone() };
        assert!(client.copy_blob(&source, &target, &wrong, &Anonymous, ample()).await.is_err());
    }
}
