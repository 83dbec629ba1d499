//! The files of the tree, as the checks see them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Directories that hold no files of the project.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

/// One text file: its path from the root with `/` between parts, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The part after the last dot of the file's name, or nothing.
    pub(crate) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The lines with their numbers, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// All text files, in the order of their paths.
pub(crate) fn files() -> Vec<File> {
    let (mut files, root) = (Vec::new(), root());
    for path in paths_below(&root, &root) {
        match fs::read_to_string(root.join(&path)) {
            Ok(text) => files.push(File { path, text }),
            // Not text, or a directory, or removed since it was listed.
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::NotFound
                ),
                "{path}: {error}"
            ),
        }
    }
    files
}

/// All files and directories, in order, by their paths from the root.
pub(crate) fn paths() -> Vec<String> {
    let root = root();
    paths_below(&root, &root)
}

fn paths_below(root: &Path, directory: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let Ok(listing) = fs::read_dir(directory) else { return paths };
    let mut entries: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if NOT_OURS.contains(&name.as_ref()) {
            continue;
        }
        paths.push(entry.strip_prefix(root).unwrap_or(&entry).to_string_lossy().replace('\\', "/"));
        if entry.is_dir() {
            paths.extend(paths_below(root, &entry));
        }
    }
    paths
}

#[test]
fn the_tree_is_seen() {
    let paths = paths();
    for expected in ["Cargo.toml", "node/core", ".ci/run", "tests/tests/house/tree.rs"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} is not seen");
    }
    assert!(!paths.iter().any(|path| path.starts_with("target") || path.starts_with(".git/")));
    assert_eq!(File::new("a/b.c.rs", "").extension(), "rs");
    assert_eq!(File::new("a.b/run", "").extension(), "");
}
