//! Adding a fact to an event document, within the one size of urgent entries where it is urgent.

use linli_model::event::{Body, Fact, FactError, FactId, Facts, put_fact};
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use rand_core::CryptoRng;

use super::{Authored, Core, CoreError, Edit, EditError, World};
use crate::seal::SealError;

impl Core {
    /// Adds a fact to an event document, which begins with it where there is none yet. No entry where it
    /// changes nothing.
    ///
    /// An urgent fact that names more than fits beside what it says names fewer of the facts that its author had
    /// seen: first those by which nothing is judged are left out, then the others, and it stays urgent.
    ///
    /// # Errors
    /// The core's; or the fact is too large, also without naming any.
    pub fn add_fact<B: Body>(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        what: Edit<'_>,
        body: B,
    ) -> Result<(FactId, Option<Authored>), EditError<FactError>> {
        let author = self.own_author(world, what.person).ok_or(CoreError::UnknownParty)?;
        let (doc, authors) = self.document(world, what.space, what.name)?.parts();
        let facts = Facts::<B>::read(doc.document(), authors);
        let mut fact = Fact::new(Timestamp(world.now.0), &author, &facts, body);
        loop {
            let (id, _) = fact.text().map_err(EditError::Rules)?;
            let edited = self.edit(world, rng, Edit { isolated: true, ..what }, |doc| {
                put_fact(doc, &fact).map(drop)
            });
            match edited {
                Err(error) if what.urgency == Urgency::Urgent && is_too_large(&error) => {
                    fact = fact.shorter(&facts).ok_or(error)?;
                }
                authored => return Ok((id, authored?)),
            }
        }
    }
}

const fn is_too_large(error: &EditError<FactError>) -> bool {
    matches!(error, EditError::Core(CoreError::Seal(SealError::TooLargeForUrgent(_))))
}
