//! The loop: the next fact, when it is due, to where it goes; a checkpoint every so often, and one at the end.

use std::time::Duration;

use tapedeck_schemas::offset::TapeTime;
use tokio::time::Instant;

use crate::error::ReplayError;
use crate::file::FileSink;
use crate::reader::ReplayedFact;
use crate::render::Renderer;
use crate::replay::Replay;
use crate::resume::{Checkpoint, Slot};
use crate::speed::ReplaySpeed;
use crate::subjects::SubjectSink;

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Time between two words on the progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// Where to.
pub enum Sink {
    /// A file, or standard output.
    File(Box<FileSink>),
    /// Subjects.
    Subjects(Box<SubjectSink>),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// At the end of the range.
    Done,
    /// Because it was asked to stop; its checkpoint says how far it is.
    Interrupted,
}

/// A replay under way, from a plan to a sink.
pub struct Player {
    replay: Replay,
    renderer: Renderer,
    pace: ReplaySpeed,
    sink: Sink,
    slot: Option<Slot>,
    checkpoint: Checkpoint,
    saved_at: Instant,
    saved_facts: u64,
    /// When a fact of which tape time was played first in this run.
    anchor: Option<(Instant, TapeTime)>,
}

impl Player {
    /// Goes on at `checkpoint`, whose sink must stand there too. Checkpoints are kept in `slot`, if there is one.
    pub fn new(replay: Replay, pace: ReplaySpeed, sink: Sink, slot: Option<Slot>, checkpoint: Checkpoint) -> Self {
        let renderer = Renderer::new(checkpoint.plan.run);
        let (saved_at, saved_facts) = (Instant::now(), checkpoint.facts);
        Self { replay, renderer, pace, sink, slot, checkpoint, saved_at, saved_facts, anchor: None }
    }

    /// How far it is.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Plays to the end, or until `stop` resolves. `progress` is told, every so often, the
    /// records read and the facts that are out.
    pub async fn play(
        &mut self,
        stop: impl Future<Output = ()>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Ended, ReplayError> {
        let mut stop = std::pin::pin!(stop);
        let mut shown_at = Instant::now();
        tokio::select! {
            biased;
            () = &mut stop => return Ok(Ended::Interrupted), // its checkpoint is the one that it began with
            skipped = self.skip() => skipped?,
        }
        loop {
            let next = tokio::select! {
                biased;
                () = &mut stop => return self.interrupted().await,
                next = self.replay.next() => next?,
            };
            let Some(played) = next else { break };
            if !self.wait_until_due(&played, stop.as_mut()).await? {
                return self.interrupted().await;
            }
            self.put(played).await?;
            if shown_at.elapsed() >= PROGRESS_EVERY {
                progress(self.replay.records_read(), self.checkpoint.facts);
                shown_at = Instant::now();
            }
            if self.is_checkpoint_due() {
                self.save().await?;
            }
        }
        self.settle().await?;
        if let Some(slot) = &self.slot {
            slot.clear()?;
        }
        Ok(Ended::Done)
    }

    /// Passes over what is out already: the same facts in the same order, so that their numbers are the same.
    async fn skip(&mut self) -> Result<(), ReplayError> {
        let mut last = None;
        for _ in 0..self.checkpoint.facts {
            let Some(played) = self.replay.next().await? else { break };
            last = Some(place(&played));
            self.renderer.render(played);
        }
        match &self.slot {
            Some(slot) if last != self.checkpoint.last => {
                let (was, is) = (&self.checkpoint.last, last);
                Err(slot.cannot(format!("its last fact was {was:?}, in the same place there is {is:?} now")))
            }
            _ => Ok(()),
        }
    }

    /// Waits; `false` if it is to stop before.
    async fn wait_until_due(
        &mut self,
        played: &ReplayedFact,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, ReplayError> {
        if played.time == 0 {
            return Ok(true); // before the first market fact a tape has no time yet
        }
        let (began, first) = *self.anchor.get_or_insert_with(|| (Instant::now(), played.time));
        let due = began.checked_add(self.pace.due(first, played.time));
        loop {
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                return Ok(true);
            }
            if let Sink::File(file) = &mut self.sink {
                file.flush()?; // whoever follows the file has what was due so far
            }
            if self.is_checkpoint_due() {
                self.save().await?;
            }
            let wake = due.unwrap_or(now + CHECKPOINT_EVERY).min(now + CHECKPOINT_EVERY);
            tokio::select! {
                biased;
                () = &mut stop => return Ok(false),
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    async fn put(&mut self, played: ReplayedFact) -> Result<(), ReplayError> {
        self.checkpoint.last = Some(place(&played));
        let rendered = self.renderer.render(played);
        match &mut self.sink {
            Sink::File(file) => file.put(&rendered)?,
            Sink::Subjects(subjects) => subjects.put(&rendered).await?,
        }
        self.checkpoint.facts += 1;
        Ok(())
    }

    async fn interrupted(&mut self) -> Result<Ended, ReplayError> {
        self.save().await?;
        Ok(Ended::Interrupted)
    }

    /// Everything taken so far is where it should be, and the checkpoint says so.
    async fn settle(&mut self) -> Result<(), ReplayError> {
        match &mut self.sink {
            Sink::File(file) => (self.checkpoint.bytes, self.checkpoint.hash) = file.sync()?,
            Sink::Subjects(subjects) => subjects.confirm().await?,
        }
        Ok(())
    }

    fn is_checkpoint_due(&self) -> bool {
        self.saved_facts != self.checkpoint.facts && self.saved_at.elapsed() >= CHECKPOINT_EVERY
    }

    async fn save(&mut self) -> Result<(), ReplayError> {
        self.settle().await?;
        if let Some(slot) = &self.slot {
            slot.save(&self.checkpoint)?;
        }
        (self.saved_at, self.saved_facts) = (Instant::now(), self.checkpoint.facts);
        Ok(())
    }
}

fn place(played: &ReplayedFact) -> String {
    played.offset.in_partition(played.partition)
}
