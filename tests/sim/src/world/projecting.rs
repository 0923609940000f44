//! The projector's processes and their transactions.

use super::{Failure, TAPE, World};
use crate::database::Projector;
use crate::faults::{CrashPoint, Fault};

impl World {
    /// Lets a projector continue, or starts one.
    pub(super) fn project_any(&mut self) -> Result<(), Failure> {
        let rival = self.projectors.len() == 1 && self.occurs(Fault::RivalProjector);
        if self.projectors.is_empty() || rival {
            if rival {
                self.count(Fault::RivalProjector);
            }
            let uid = self.uid();
            if let Some(projector) = self.open_projector(uid)? {
                self.projectors.push(projector);
                if self.crashes_at(CrashPoint::ProjectorOpened) {
                    self.projectors.pop();
                }
            }
            return Ok(());
        }
        let index = self.schedule.index(self.projectors.len());
        self.project(index)
    }

    /// Starts a projector; `None` if a trimmed tape, or one that lost records, stops it.
    fn open_projector(&mut self, uid: u64) -> Result<Option<Projector>, Failure> {
        let opened = Projector::open(uid, &self.created, &self.database, &self.broker);
        let refused = opened.as_ref().err().map(|why| why.to_string());
        let result = self.checker.projector_opened(refused.as_deref());
        self.checked(result)?;
        match opened {
            Ok(projector) => {
                if projector.next() > 1 {
                    self.happened.count("resumed");
                }
                Ok(Some(projector))
            }
            Err(_) if self.loss_happened => Ok(None),
            Err(_) if !self.trimmed.is_empty() => {
                self.happened.count("halted");
                Ok(None)
            }
            Err(why) => Err(self.failure("nothing_stops_on_a_valid_tape", format!("the projector: {why}"))),
        }
    }

    /// A projector reads on, or commits its transaction.
    pub(super) fn project(&mut self, index: usize) -> Result<(), Failure> {
        let most = self.schedule.between(1, 40);
        if self.projectors[index].transaction.is_some() {
            return self.commit(index);
        }
        let next = self.projectors[index].next().max(self.broker.first_seq(TAPE));
        let broker = &self.broker;
        let messages = (next..next + most).map_while(|seq| broker.get(TAPE, seq));
        let taken = self.projectors[index].take(messages);
        match taken {
            Err(_) if !self.trimmed.is_empty() => {
                self.happened.count("halted");
                self.projectors.remove(index);
            }
            Err(why) => return Err(self.failure("nothing_stops_on_a_valid_tape", format!("the projector: {why}"))),
            Ok(()) if self.crashes_at(CrashPoint::ProjectorWrote) => {
                self.projectors.remove(index);
            }
            Ok(()) => {}
        }
        Ok(())
    }

    fn commit(&mut self, index: usize) -> Result<(), Failure> {
        let Some(transaction) = &self.projectors[index].transaction else { return Ok(()) };
        let committed = self.database.commit(transaction);
        let committed = committed.map_err(|error| self.failure("rows_merge", error.to_string()))?;
        if !committed {
            self.happened.count("overtaken");
            self.projectors.remove(index);
            return Ok(());
        }
        let result = self.checker.projected(self.database.seq(), self.database.tables());
        self.checked(result)?;
        if self.crashes_at(CrashPoint::ProjectorCommitted) {
            self.projectors.remove(index);
        } else if self.occurs(Fault::CommitUnheard) {
            self.count(Fault::CommitUnheard);
            match self.open_projector(self.projectors[index].uid)? {
                Some(again) => self.projectors[index] = again,
                None => drop(self.projectors.remove(index)),
            }
        } else {
            self.projectors[index].committed();
        }
        Ok(())
    }
}
