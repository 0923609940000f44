//! The loop of a replay: writes each fact when it is due, and saves a checkpoint once a second and when interrupted.

use std::time::Duration;

use tapedeck_schemas::offset::TapeTime;
use tokio::time::Instant;

use super::{Checkpoint, CheckpointFile, Replay, ReplaySpeed};
use crate::error::HistoryError;
use crate::fact::StoredFact;
use crate::render::Renderer;
use crate::sinks::Sink;

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// How a replay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// At the end of the range. The checkpoint file is removed.
    Done,
    /// By a request to stop. The checkpoint file, if there is one, allows to resume.
    Interrupted,
}

/// Replays into a sink.
pub struct Player {
    replay: Replay,
    renderer: Renderer,
    speed: ReplaySpeed,
    sink: Sink,
    file: Option<CheckpointFile>,
    checkpoint: Checkpoint,
    saved_at: Instant,
    saved_facts: u64,
    /// When the first fact of this process was replayed, and its tape time.
    anchor: Option<(Instant, TapeTime)>,
}

impl Player {
    /// A player that continues at `checkpoint`; the sink must be open at the same checkpoint. Checkpoints are saved in
    /// `file`, if there is one.
    pub fn new(
        replay: Replay,
        speed: ReplaySpeed,
        sink: Sink,
        file: Option<CheckpointFile>,
        checkpoint: Checkpoint,
    ) -> Self {
        let renderer = Renderer::new(checkpoint.spec.run);
        let (saved_at, saved_facts) = (Instant::now(), checkpoint.facts);
        Self { replay, renderer, speed, sink, file, checkpoint, saved_at, saved_facts, anchor: None }
    }

    /// The replay that is played.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The progress of the replay.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Replays to the end, or until `stop` resolves. Calls `progress` at most every 50 ms with the number of records
    /// read and of facts written.
    pub async fn play(
        &mut self,
        stop: impl Future<Output = ()>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Ended, HistoryError> {
        let mut stop = std::pin::pin!(stop);
        let mut shown_at = Instant::now();
        tokio::select! {
            biased;
            () = &mut stop => return Ok(Ended::Interrupted), // the checkpoint file is unchanged
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
        self.sink.sync(&mut self.checkpoint).await?;
        if let Some(file) = &self.file {
            file.clear()?;
        }
        Ok(Ended::Done)
    }

    /// Skips the facts that the checkpoint counts. They are rendered, so that the numbers of market events continue.
    /// Fails if the last of them is not that of the checkpoint.
    async fn skip(&mut self) -> Result<(), HistoryError> {
        let mut last = None;
        for _ in 0..self.checkpoint.facts {
            let Some(played) = self.replay.next().await? else { break };
            last = Some(played.printed_offset());
            self.renderer.render(played);
        }
        match &self.file {
            Some(file) if last != self.checkpoint.last => {
                let (was, is) = (&self.checkpoint.last, last);
                Err(file.cannot(format!("its last fact was {was:?}, but the same number of facts now ends at {is:?}")))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the fact is due; `false` if `stop` resolves first.
    async fn wait_until_due(
        &mut self,
        fact: &StoredFact,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, HistoryError> {
        if fact.time == 0 {
            return Ok(true); // before its first market fact a tape has no tape time
        }
        let (began, first) = *self.anchor.get_or_insert_with(|| (Instant::now(), fact.time));
        let due = began.checked_add(self.speed.due(first, fact.time));
        loop {
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                return Ok(true);
            }
            self.sink.flush()?;
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

    async fn put(&mut self, played: StoredFact) -> Result<(), HistoryError> {
        self.checkpoint.last = Some(played.printed_offset());
        let rendered = self.renderer.render(played);
        self.sink.put(&rendered).await?;
        self.checkpoint.facts += 1;
        Ok(())
    }

    async fn interrupted(&mut self) -> Result<Ended, HistoryError> {
        self.save().await?;
        Ok(Ended::Interrupted)
    }

    fn is_checkpoint_due(&self) -> bool {
        self.saved_facts != self.checkpoint.facts && self.saved_at.elapsed() >= CHECKPOINT_EVERY
    }

    async fn save(&mut self) -> Result<(), HistoryError> {
        self.sink.sync(&mut self.checkpoint).await?;
        if let Some(file) = &self.file {
            file.save(&self.checkpoint)?;
        }
        (self.saved_at, self.saved_facts) = (Instant::now(), self.checkpoint.facts);
        Ok(())
    }
}
