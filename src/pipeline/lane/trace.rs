//! What a lane tells of its way with a record, to whoever explains it.
//!
//! Place in the flow: beside it. `explain` passes a [`Trace`]; `run` and `replay` pass none, and then the
//! lane asks once for each line and each event whether there is one. A trace sees the same values that the
//! lane works with, so what it says is what was done; it cannot change anything.

use std::ops::Range;

use crate::model::process::Cut;
use crate::model::{Input, Outputs, Reject, Timestamp};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::line::Record;
use crate::pipeline::envelope::Line;
use crate::pipeline::intel::IntelSet;

use super::{Call, Lane};

/// One step on the way.
#[derive(Debug)]
pub enum Step<'a> {
    /// The envelope gave a line.
    Line(&'a Line<'a>),
    /// A record was read out of it, is of this host, and is with its event; or came too late for that.
    Record {
        record: &'a Record<'a>,
        host: &'a str,
        late: bool,
    },
    /// These bytes are a dead letter.
    Refused { reject: Reject, raw: &'a [u8] },
    /// An event went out. `told` are the places of what was told with it in the outputs: the event, and
    /// what became due or certain by it.
    Event {
        host: &'a str,
        event: &'a Event,
        cut: Option<Cut>,
        told: Range<usize>,
    },
}

/// Takes the steps, in order.
pub type Trace<'t> = dyn FnMut(Step<'_>) + 't;

impl Lane {
    /// [`Lane::step`] with its steps told.
    pub fn step_told<'t>(
        &mut self,
        now: Timestamp,
        input: Input<'_>,
        intel: &'t IntelSet,
        out: &'t mut Outputs,
        trace: &'t mut Trace<'t>,
    ) {
        let trace = Some(trace);
        let mut call = Call {
            now,
            intel,
            out,
            trace,
        };
        self.step_with(input, &mut call);
    }

    /// [`Lane::finish`] with its steps told.
    pub fn finish_told<'t>(
        &mut self,
        intel: &'t IntelSet,
        out: &'t mut Outputs,
        trace: &'t mut Trace<'t>,
    ) {
        let mut call = Call {
            now: Timestamp(i64::MIN),
            intel,
            out,
            trace: Some(trace),
        };
        self.finish_with(&mut call);
    }
}

impl Call<'_> {
    #[inline]
    pub fn told<'s>(&mut self, step: impl FnOnce(&Outputs) -> Step<'s>) {
        if let Some(trace) = &mut self.trace {
            trace(step(self.out));
        }
    }
}
