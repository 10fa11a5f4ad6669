//! The values of the chart, as they are documented.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

fn chart(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "charts", "countersign", name].iter().collect()
}

/// One value: its path, its default and what is said above it.
struct Row {
    path: String,
    default: String,
    meaning: String,
}

/// What `values.yaml` says, line by line: a comment is about the line below it.
fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(chart("values.yaml")).unwrap();
    let (mut rows, mut meaning, mut above) = (Vec::new(), Vec::new(), Vec::<(usize, String)>::new());
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        if let Some(comment) = line.trim_start().strip_prefix("# ") {
            meaning.push(comment);
        } else if let Some((key, default)) = line.trim().split_once(':') {
            above.retain(|(of, _)| *of < depth);
            above.push((depth, key.to_owned()));
            let path: Vec<_> = above.iter().map(|(_, key)| key.as_str()).collect();
            let (path, default, meaning) = (path.join("."), default.trim().to_owned(), std::mem::take(&mut meaning));
            if !(default.is_empty() && meaning.is_empty()) {
                rows.push(Row { path, default, meaning: meaning.join(" ") });
            }
        } else {
            meaning.clear();
        }
    }
    rows
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the variable by which snapshots are renewed renews this table, too")]
fn every_value_is_documented() {
    let mut table = "| Value | Default | What it is |\n|---|---|---|\n".to_owned();
    for Row { path, default, meaning } in rows() {
        assert!(!meaning.is_empty(), "`{path}` is a value that nothing is said about");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        table.push_str(&format!("| `{path}` | {default} | {} |\n", meaning.replace('|', "\\|")));
    }
    let (path, mark) = (chart("README.md"), "<!-- values -->\n");
    let readme = std::fs::read_to_string(&path).unwrap();
    let [before, old, after] = readme.split(mark).collect::<Vec<_>>().try_into().expect("two marks around the table");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&path, format!("{before}{mark}{table}{mark}{after}")).unwrap();
    } else {
        assert!(old == table, "the table of values is old: run this test with INSTA_UPDATE=always\n{table}");
    }
}

/// Adds the path of every value that `schema` knows.
fn known(schema: &Value, definitions: &Value, path: &str, found: &mut BTreeSet<String>) {
    let named = schema["$ref"].as_str().and_then(|name| definitions.get(name.trim_start_matches("#/definitions/")));
    match named.unwrap_or(schema)["properties"].as_object() {
        Some(properties) => {
            for (name, schema) in properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                known(schema, definitions, &path, found);
            }
        }
        None => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_schema_knows_what_has_a_default_and_nothing_else() {
    let schema: Value = serde_json::from_slice(&std::fs::read(chart("values.schema.json")).unwrap()).unwrap();
    let mut found = BTreeSet::new();
    known(&schema, &schema["definitions"], "", &mut found);
    let rows = rows();
    let has_default = |path: &str| rows.iter().any(|row| row.path == path || row.path.starts_with(&format!("{path}.")));
    let missing: Vec<_> = found.iter().filter(|path| !has_default(path)).collect();
    assert!(missing.is_empty(), "without a default: {missing:?}");
}

/// A file of YAML below the root of the repository.
fn yaml(path: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), path].iter().collect();
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn artifact_hub_is_told_what_is_there() {
    let (chart, values) = (yaml("charts/countersign/Chart.yaml"), yaml("charts/countersign/values.yaml"));
    let told = |name: &str| -> Value {
        let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str().expect("an annotation");
        serde_saphyr::from_str(text).unwrap()
    };
    let files = std::fs::read_dir(self::chart("files/crds")).unwrap().map(|file| file.unwrap().file_name());
    let mut defined: Vec<_> = files
        .map(|file| {
            let definition = yaml(&format!("charts/countersign/files/crds/{}", file.display()));
            let spec = &definition["spec"];
            (definition["metadata"]["name"].clone(), spec["names"]["kind"].clone(), spec["versions"][0]["name"].clone())
        })
        .collect();
    defined.sort_by_key(|(name, ..)| name.to_string());
    let crds = told("crds");
    let crds = crds.as_array().unwrap().iter();
    let crds: Vec<_> = crds.map(|crd| (crd["name"].clone(), crd["kind"].clone(), crd["version"].clone())).collect();
    assert_eq!(crds, defined);
    assert_eq!(told("crdsExamples"), Value::Array(vec![yaml("config/samples/keyless-github.yaml")]));
    let image = values["image"]["repository"].as_str().unwrap();
    let image = format!("{image}:{}", chart["appVersion"].as_str().unwrap());
    assert_eq!(told("images"), serde_json::json!([{"name": "countersign", "image": image}]));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}
