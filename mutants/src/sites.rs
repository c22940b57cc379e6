//! Where the mutants are: each of the list has one site in the sources, and each site is one of the
//! list's.

use std::{collections::BTreeMap, fs, path::Path};

use crate::list::MUTANTS;

/// The functions that ask whether a mutant is on: with its name as a literal.
const ASKED: [&str; 3] = ["mutants::on(", "mutants::broken(", "torn("];

/// # Errors
/// What is wrong, all of it.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let sites = find(root).map_err(|error| format!("read the sources: {error}"))?;
    let mut wrong = Vec::new();
    for mutant in MUTANTS {
        let count = sites.get(mutant.name).map_or(0, Vec::len);
        if count != 1 {
            wrong.push(format!("{} has {count} sites", mutant.name));
        }
    }
    for (name, files) in &sites {
        if !MUTANTS.iter().any(|mutant| mutant.name == name) {
            wrong.push(format!("{name} in {} is not in the list", files.join(", ")));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

/// The files in which each name is asked for.
fn find(root: &Path) -> std::io::Result<BTreeMap<String, Vec<String>>> {
    let mut sites: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "mutants" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path)?;
                for mutant in asked_in(&text) {
                    let file = path.strip_prefix(root).unwrap_or(&path);
                    let files = sites.entry(mutant.to_owned()).or_default();
                    files.push(file.display().to_string());
                }
            }
        }
    }
    Ok(sites)
}

/// The names that a text asks for, on one line or broken over two.
fn asked_in(text: &str) -> impl Iterator<Item = &str> {
    ASKED
        .iter()
        .flat_map(move |call| text.split(*call).skip(1))
        .filter_map(|after| {
            let (name, _) = after.trim_start().strip_prefix('"')?.split_once('"')?;
            Some(name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_one_site_and_every_site_is_a_mutant() {
        assert_eq!(check(crate::root()), Ok(()));
    }

    #[test]
    fn a_site_is_found_however_it_is_written() {
        let text = "if mutants::on(\"a\") {}\nlet x = mutants::broken(\n    \"b\",\n);\non(name)";
        assert_eq!(asked_in(text).collect::<Vec<_>>(), ["a", "b"]);
    }
}
