use clap::Subcommand;
use linli_node::api::care::{OfferList, OfferSign};

use crate::{context::Context, failure::Exit, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Offer {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Sign(Sign),
    List,
}

#[derive(Debug, clap::Args)]
struct Sign {
    /// The provider party's id or name
    provider: String,
    /// The service's code in the catalogue
    service: String,
    /// Where it holds, as addresses name it, such as 桃园路街道; "" is everywhere
    #[arg(long)]
    area: String,
    /// The most one order may cost, in fen
    #[arg(long, value_name = "FEN")]
    ceiling_fen: u64,
    /// The last day it holds
    #[arg(long, value_name = "DATE")]
    ends: String,
}

impl Offer {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Sign(sign) => {
                let request = OfferSign {
                    provider: sign.provider,
                    service: sign.service,
                    area: sign.area,
                    ceiling_fen: sign.ceiling_fen,
                    ends_ms: context.zone.end_of(&sign.ends)?,
                    acting: context.acting()?,
                };
                let answer = context.ask(&request).await?;
                context.show(&answer, || answer.offer.clone())
            }
            Act::List => {
                let answer = context.ask(&OfferList {}).await?;
                context.show(&answer, || match answer.is_empty() {
                    true => context.text.say("nothing", &[]),
                    false => output::tree(&serde_json::Value::Array(answer.clone())),
                })
            }
        }
    }
}
