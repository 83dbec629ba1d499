//! Another way to tell a centre that a button was pressed: an MQTT broker that saves each message.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use tokio::sync::mpsc;

use crate::echo::ECHO_BYTES;

const TOPIC: &str = "alert";

/// A broker, who presses, and who hears of it.
pub(crate) struct Mosquitto {
    broker: Child,
    presses: AsyncClient,
    _hears: AsyncClient,
    acknowledged: mpsc::UnboundedReceiver<()>,
    heard: mpsc::UnboundedReceiver<()>,
}

impl Mosquitto {
    /// Starts a broker that writes its whole file, durably, after each change; none where it is not installed.
    pub(crate) async fn start(directory: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::create_dir(directory).unwrap();
        let config = directory.join("mosquitto.conf");
        let place = directory.display();
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {place}/\nautosave_on_changes true\nautosave_interval 1\nuser root\n"
        );
        std::fs::write(&config, settings).unwrap();
        let started = Command::new("mosquitto").arg("-c").arg(config).stderr(Stdio::null()).spawn();
        let broker = started.ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (presses, acknowledged) =
            client("hub", port, |event| matches!(event, Incoming::PubAck(_)));
        let (hears, heard) = client("centre", port, |event| {
            matches!(event, Incoming::Publish(_) | Incoming::SubAck(_))
        });
        hears.subscribe(TOPIC, QoS::AtLeastOnce).await.unwrap();
        let mut mosquitto = Self { broker, presses, _hears: hears, acknowledged, heard };
        mosquitto.heard.recv().await.unwrap();
        Some(mosquitto)
    }

    /// Publishes once, as many bytes as an alert has, until the other has it and it is saved. The broker acknowledges
    /// before it saves, and saves before it reads on: what is acknowledged next was sent after the save.
    pub(crate) async fn once(&mut self) -> Duration {
        let begin = Instant::now();
        for bytes in [ECHO_BYTES, 0] {
            let message = vec![7; bytes];
            self.presses.publish(TOPIC, QoS::AtLeastOnce, false, message).await.unwrap();
            self.acknowledged.recv().await.unwrap();
            self.heard.recv().await.unwrap();
        }
        begin.elapsed()
    }

    pub(crate) fn stop(mut self) {
        self.broker.kill().unwrap();
        self.broker.wait().unwrap();
    }
}

/// Connects, with a session that outlives the connection, and tells of what it is to hear.
fn client(
    name: &str,
    port: u16,
    hears: impl Fn(&Incoming) -> bool + Send + 'static,
) -> (AsyncClient, mpsc::UnboundedReceiver<()>) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 16);
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(event) = event
                && hears(&event)
                && tell.send(()).is_err()
            {
                break;
            }
        }
    });
    (client, told)
}
