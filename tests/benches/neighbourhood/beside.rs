//! What an alert is measured against.

use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, TableDefinition};

use crate::echo::{ECHO_BYTES, Echo};
use crate::median;
use crate::mosquitto::Mosquitto;

const GAP: Duration = Duration::from_millis(20);
const PLAIN: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("plain");

/// What an alert is measured against, each in turn with an alert on an idle machine, in milliseconds.
pub(crate) struct Beside {
    echo: Echo,
    plain: Database,
    mosquitto: Option<Mosquitto>,
    echoes: Vec<f64>,
    commits: Vec<f64>,
    messages: Vec<f64>,
}

impl Beside {
    pub(crate) async fn start(directory: &Path) -> Self {
        let mosquitto = Mosquitto::start(&directory.join("mosquitto")).await;
        if mosquitto.is_none() {
            println!("mosquitto is not installed: alerts are not measured against it");
        }
        Self {
            echo: Echo::direct().await,
            plain: Database::create(directory.join("plain alerts")).unwrap(),
            mosquitto,
            echoes: Vec::new(),
            commits: Vec::new(),
            messages: Vec::new(),
        }
    }

    pub(crate) async fn once(&mut self) {
        self.echoes.push(self.echo.once().await.as_secs_f64() * 1e3);
        tokio::time::sleep(GAP).await;
        let number = u64::try_from(self.commits.len()).unwrap();
        let took = tokio::task::block_in_place(|| commit(&self.plain, number));
        self.commits.push(took.as_secs_f64() * 1e3);
        tokio::time::sleep(GAP).await;
        if let Some(mosquitto) = &mut self.mosquitto {
            self.messages.push(mosquitto.once().await.as_secs_f64() * 1e3);
            tokio::time::sleep(GAP).await;
        }
    }

    /// Prints the references, and how long alerts took beside them.
    pub(crate) async fn tell(mut self, receipt: f64) {
        let (echo, commit) = (median(&mut self.echoes), median(&mut self.commits));
        println!(
            "echo of {ECHO_BYTES} bytes p50 {echo:.2} ms, plain redb commit of as many p50 {commit:.2} ms: \
             receipt ÷ (echo + 2 commits) {:.2}",
            receipt / (echo + 2.0 * commit)
        );
        self.echo.stop().await;
        if let Some(mosquitto) = self.mosquitto {
            let message = median(&mut self.messages);
            println!(
                "mosquitto, saving each message, p50 {message:.2} ms: receipt ÷ it {:.2}",
                receipt / message
            );
            mosquitto.stop();
        }
    }
}

/// Puts as many bytes as an alert has into a plain file, durably.
fn commit(plain: &Database, number: u64) -> Duration {
    let begin = Instant::now();
    let txn = plain.begin_write().unwrap();
    txn.open_table(PLAIN).unwrap().insert(number, [7; ECHO_BYTES].as_slice()).unwrap();
    txn.commit().unwrap();
    begin.elapsed()
}
