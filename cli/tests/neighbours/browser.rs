//! A real browser, driven line by line through `tests/browser/drive.mjs`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// A browser with a profile of its own, as a tablet has; it ends with the test.
#[derive(Debug)]
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    pub(crate) fn begin(profile: &Path) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/browser"));
        let mut command = Command::new("node");
        command.arg(folder.join("drive.mjs")).arg(profile).current_dir(&folder);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, commands, answers }
    }

    /// Does one thing, which must succeed.
    pub(crate) fn does(&mut self, what: &str, with: Value) -> Value {
        let mut command = with;
        command["do"] = what.into();
        writeln!(self.commands, "{command}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("failed").is_none(), "{command}: {answer:#}");
        answer["ok"].clone()
    }

    pub(crate) fn open(&mut self, url: &str) -> String {
        self.does("open", json!({ "url": url })).as_str().unwrap().to_owned()
    }

    pub(crate) fn click(&mut self, name: &str) {
        self.does("click", json!({ "name": name }));
    }

    /// Waits until a text is seen.
    pub(crate) fn sees(&mut self, text: &str) {
        self.does("wait", json!({ "text": text }));
    }

    pub(crate) fn text(&mut self) -> String {
        self.does("text", json!({})).as_str().unwrap().to_owned()
    }

    /// Asserts that nothing keeps somebody from using the page who sees little or uses a keyboard.
    pub(crate) fn is_accessible(&mut self) {
        let found = self.does("axe", json!({}));
        assert!(found["passes"].as_u64().unwrap() > 10, "{found}");
        assert_eq!(found["violations"], json!([]));
    }

    /// Takes a picture for whoever wants to see it: `LINLI_SCREENSHOTS` names the folder.
    pub(crate) fn shot(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("LINLI_SCREENSHOTS") {
            let file = Path::new(&folder).join(name);
            self.does("shot", json!({ "file": file }));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
