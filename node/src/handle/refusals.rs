//! What the errors of the rooms below mean to a person who asked the node for something.

use std::io::{self, ErrorKind};
use std::path::Path;

use automerge::AutomergeError;
use linli_core::authority::Right;
use linli_core::engine::{CoreError, EditError};
use linli_core::person::PersonError;
use linli_core::seal::SealError;
use linli_model::alert::{LadderError, STEPS_MAX};
use linli_model::bluetooth::PayloadError;
use linli_model::card::SheetError;
use linli_model::event::FactError;
use linli_model::field::WriteError;
use linli_model::limits::{DEVICE_BYTES_MAX, FACT_BYTES_MAX, FIELD_BYTES_MAX, PAYLOAD_BYTES_MAX};
use linli_model::plan::{self, PlanError};
use linli_model::readings::{AddError, ReadingError};
use linli_store::StoreError;

use super::invalid;
use crate::api::{ApiError, Code};

impl From<CoreError> for ApiError {
    fn from(error: CoreError) -> Self {
        let (code, key) = match &error {
            CoreError::NoSuchSpace => (Code::NotFound, "error-not-member"),
            CoreError::UnknownParty => (Code::NotFound, "error-party-unknown"),
            CoreError::Erased => (Code::NotFound, "error-erased"),
            CoreError::Forbidden(right) => (Code::Forbidden, may_not(*right)),
            CoreError::NodeEnded => (Code::Forbidden, "error-node-ended"),
            CoreError::NoCarrierKey(_) => (Code::Forbidden, "error-no-erasure-key"),
            CoreError::NotForAll => (Code::Forbidden, "error-checkpoint-readers"),
            CoreError::Person(PersonError::Ended) => (Code::Forbidden, "error-person-ended"),
            CoreError::Overtaken => (Code::Conflict, "error-overtaken"),
            CoreError::ForkedLog => (Code::Conflict, "error-log-forked"),
            CoreError::NoKey => (Code::Waits, "error-no-key"),
            CoreError::TooLargeToCheckpoint => (Code::Invalid, "error-checkpoint-large"),
            CoreError::TooMany(max) => return invalid("error-too-many").with("max", max),
            CoreError::Seal(SealError::TooLarge(_)) => (Code::Invalid, "error-entry-large"),
            CoreError::Seal(SealError::TooLargeForUrgent(_)) => {
                (Code::Invalid, "error-urgent-large")
            }
            CoreError::Seal(SealError::BadRecipient) => (Code::Invalid, "error-recipient-key"),
            CoreError::Seal(SealError::Entry(_))
            | CoreError::Held(_)
            | CoreError::Prune(_)
            | CoreError::Record(_)
            | CoreError::Certificate(_)
            | CoreError::Epoch(_)
            | CoreError::Person(_) => return Self::internal(error),
        };
        Self::new(code, key)
    }
}

const fn may_not(right: Right) -> &'static str {
    match right {
        Right::Carry => "error-may-not-carry",
        Right::Read => "error-may-not-read",
        Right::Write => "error-may-not-write",
        Right::Steward => "error-may-not-steward",
    }
}

impl<E: std::error::Error + Into<Self>> From<EditError<E>> for ApiError {
    fn from(error: EditError<E>) -> Self {
        match error {
            EditError::Core(error) => error.into(),
            EditError::Rules(error) => error.into(),
        }
    }
}

impl From<FactError> for ApiError {
    fn from(error: FactError) -> Self {
        match error {
            FactError::TooLarge => invalid("error-text-large").with("max", FACT_BYTES_MAX),
            FactError::Json(_) | FactError::Document(_) => Self::internal(error),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Form { key } => invalid("error-field-form").with("field", key),
            WriteError::TooLong { key } => {
                invalid("error-field-long").with("field", key).with("max", FIELD_BYTES_MAX)
            }
            WriteError::Document(_) => Self::internal(error),
        }
    }
}

impl From<SheetError> for ApiError {
    fn from(error: SheetError) -> Self {
        match error {
            SheetError::TooLarge => invalid("error-entry-large"),
            SheetError::Json(_) | SheetError::Document(_) => Self::internal(error),
        }
    }
}

impl From<AddError> for ApiError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Reading(error) => error.into(),
            AddError::Document(_) => Self::internal(error),
        }
    }
}

impl From<PayloadError> for ApiError {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Characteristic { .. } => invalid("error-payload-characteristic"),
            PayloadError::Long => invalid("error-payload-long").with("max", PAYLOAD_BYTES_MAX),
            PayloadError::Short => invalid("error-payload-short"),
            PayloadError::Trailing => invalid("error-payload-trailing"),
            PayloadError::Reserved => invalid("error-payload-reserved"),
            PayloadError::Time => invalid("error-payload-time"),
            PayloadError::Number => invalid("error-payload-number"),
            PayloadError::ControlSolution => invalid("error-payload-control"),
            PayloadError::Demonstration => invalid("error-payload-demonstration"),
        }
    }
}

impl From<ReadingError> for ApiError {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Measure { .. } => invalid("error-reading-code"),
            ReadingError::Device => invalid("error-reading-device").with("max", DEVICE_BYTES_MAX),
            ReadingError::Month => invalid("error-reading-time"),
            ReadingError::Key | ReadingError::Unit | ReadingError::UnknownAuthor => {
                Self::internal(error)
            }
        }
    }
}

impl From<LadderError> for ApiError {
    fn from(error: LadderError) -> Self {
        match error {
            LadderError::Steps => invalid("error-ladder-steps").with("max", STEPS_MAX),
            LadderError::TooLate => invalid("error-ladder-late"),
            LadderError::Phone => invalid("error-telephone-number"),
        }
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Steps => invalid("error-plan-steps").with("max", plan::STEPS_MAX),
            PlanError::Id(step) => invalid("error-plan-id").with("step", step),
            PlanError::Text(step) => invalid("error-plan-text").with("step", step),
            PlanError::Within(step) => invalid("error-plan-within").with("step", step),
            PlanError::Phone(step) => invalid("error-plan-phone").with("step", step),
            PlanError::Personal(step) => invalid("error-plan-personal").with("step", step),
        }
    }
}

impl From<AutomergeError> for ApiError {
    fn from(error: AutomergeError) -> Self {
        Self::internal(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match matches!(error, StoreError::Full) {
            true => Self::new(Code::Full, "error-not-saved"),
            false => Self::internal(error),
        }
    }
}

/// Says why a file that somebody named cannot be read or written.
pub(super) fn unusable(path: impl AsRef<Path>, error: &io::Error) -> ApiError {
    let reasons = [
        (ErrorKind::NotFound, (Code::Invalid, "error-file-missing")),
        (ErrorKind::PermissionDenied, (Code::Invalid, "error-file-denied")),
        (ErrorKind::AlreadyExists, (Code::Conflict, "error-path-taken")),
        (ErrorKind::StorageFull, (Code::Full, "error-file-no-room")),
    ];
    let reason = reasons.iter().find(|(kind, _)| *kind == error.kind());
    let (code, key) = reason.map_or((Code::Invalid, "error-file-unusable"), |(_, said)| *said);
    ApiError::new(code, key).with("path", path.as_ref().display()).because(error)
}

/// Refuses to write over what is there.
pub(super) fn taken() -> ApiError {
    ApiError::new(Code::Conflict, "error-path-taken")
}
