//! The plan of a damaged round: which store loses what, which groups are restarted meanwhile, and for how long.

use crate::plan::Nemesis;
use crate::random::Random;

/// A stream that loses messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// The tape.
    Tape,
    /// The market inbox.
    Market,
    /// The command inbox.
    Command,
}

impl Store {
    /// Every stream that is damaged.
    pub const ALL: [Store; 3] = [Store::Tape, Store::Market, Store::Command];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Store::Tape => "tape",
            Store::Market => "market inbox",
            Store::Command => "command inbox",
        }
    }
}

/// What is done to the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The last block file is cut by this number of bytes.
    Truncate(u64),
    /// A byte of a block file is inverted; the file and the place in it, each in thousandths.
    Flip(u64, u64),
    /// The stream is deleted and provisioned again.
    Delete,
}

/// What nats-server finds beside the blocks when it starts again: with an index that fits, it does not read the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// The index as the killed server left it, if it had written one.
    AsKilled,
    /// The index of a server that was shut down (SIGTERM) before the damage.
    Complete,
    /// No index.
    Removed,
}

/// The groups that are killed at the moment of the damage, and started after new events were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Killed {
    /// No group.
    None,
    /// Some of the groups.
    Some(Vec<&'static str>),
    /// Every group: no process remembers what it has read.
    All,
}

/// The plan of a damaged round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The kind of the damage.
    pub nemesis: Nemesis,
    /// What is done to the streams; `None` if only the database is replaced.
    pub harm: Option<Harm>,
    /// The streams that it is done to.
    pub stores: Vec<Store>,
    /// The index of the streams.
    pub index: Index,
    /// Whether Postgres is replaced by a copy from the beginning of the round.
    pub is_database_old: bool,
    /// The groups that are killed.
    pub killed: Killed,
    /// How long the killed groups are not started, ms.
    pub held_ms: u64,
    /// Whether the publishers are killed with nats-server. One that continues does not send again what it sent.
    pub kills_publishers: bool,
    /// Whether the publishers run while the operator recovers.
    pub recovers_under_load: bool,
    /// Load before the damage, ms.
    pub before_ms: u64,
    /// Load after it, ms.
    pub after_ms: u64,
}

impl Damage {
    /// Whether a nemesis damages a store, so that it has a round of its own.
    pub fn is_of(nemesis: Nemesis) -> bool {
        use Nemesis::{DeletedStream, FlippedByte, LostTail, OldDatabase};
        matches!(nemesis, LostTail | FlippedByte | DeletedStream | OldDatabase)
    }

    /// Draws the damage of a nemesis; `None` if it damages no store.
    pub fn draw(nemesis: Nemesis, random: &mut Random) -> Option<Self> {
        use Store::{Command, Market, Tape};
        let mut damage = Self {
            nemesis,
            harm: None,
            stores: Vec::new(),
            index: Index::AsKilled,
            is_database_old: false,
            killed: Killed::draw(random),
            held_ms: random.between(0, 2_000),
            kills_publishers: random.one_in(2),
            recovers_under_load: random.one_in(3),
            before_ms: random.between(2_000, 4_000),
            after_ms: random.between(1_000, 3_000),
        };
        let bytes = random.between(100, 4_000);
        match nemesis {
            Nemesis::LostTail => {
                damage.harm = Some(Harm::Truncate(bytes));
                damage.stores = random.pick(&[vec![Tape], vec![Market], vec![Command], vec![Tape, Market]]).clone();
                damage.index = *random.pick(&[Index::AsKilled, Index::Removed]);
            }
            Nemesis::FlippedByte => {
                damage.harm = Some(Harm::Flip(random.between(0, 999), random.between(100, 900)));
                damage.stores = random.pick(&[vec![Tape], vec![Market]]).clone();
                damage.index = *random.pick(&[Index::AsKilled, Index::Complete, Index::Removed]);
            }
            Nemesis::DeletedStream => {
                damage.harm = Some(Harm::Delete);
                damage.stores = vec![*random.pick(&Store::ALL)];
                damage.killed = random.pick(&[Killed::None, Killed::All]).clone();
            }
            Nemesis::OldDatabase => {
                damage.is_database_old = true;
                let projector = || Killed::Some(tapedeck_groups::names().filter(|name| *name == "projector").collect());
                match random.between(0, 2) {
                    0 => damage.killed = Killed::None,
                    1 => damage.killed = projector(),
                    _ => {
                        damage.harm = Some(Harm::Truncate(bytes));
                        damage.stores = vec![Tape];
                    }
                }
            }
            _ => return None,
        }
        Some(damage)
    }

    /// Whether a group is killed.
    pub fn kills(&self, group: &str) -> bool {
        match &self.killed {
            Killed::None => false,
            Killed::Some(groups) => groups.contains(&group),
            Killed::All => true,
        }
    }

    /// The nemesis and its variant: a row of the table.
    pub fn case(&self) -> String {
        let stores: Vec<&str> = self.stores.iter().map(|store| store.name()).collect();
        let mut parts = vec![self.nemesis.name().to_string()];
        parts.extend((!stores.is_empty()).then(|| format!("of {}", stores.join(" and "))));
        parts.push(match &self.killed {
            Killed::None => "groups running".into(),
            Killed::Some(groups) if groups[..] == ["projector"] => "projector restarted".into(),
            Killed::Some(_) => "some groups restarted".into(),
            Killed::All => "all groups restarted".into(),
        });
        parts.join(", ")
    }

    /// What the case leaves open.
    pub fn detail(&self) -> String {
        let mut parts = Vec::new();
        match self.harm {
            None => {}
            Some(Harm::Truncate(bytes)) => parts.push(format!("{bytes} bytes")),
            Some(Harm::Flip(file, at)) => parts.push(format!("at {at}/1000 of the file at {file}/1000")),
            Some(Harm::Delete) => parts.push("deleted".into()),
        }
        match self.index {
            Index::AsKilled => {}
            Index::Complete => parts.push("complete index".into()),
            Index::Removed => parts.push("no index".into()),
        }
        match &self.killed {
            Killed::Some(groups) => parts.push(format!("{} held for {} ms", groups.join("+"), self.held_ms)),
            Killed::All => parts.push(format!("all held for {} ms", self.held_ms)),
            Killed::None => {}
        }
        parts.extend(self.kills_publishers.then(|| "publishers restarted".into()));
        parts.extend(self.recovers_under_load.then(|| "recovered under load".into()));
        parts.join(", ")
    }
}

impl Killed {
    fn draw(random: &mut Random) -> Self {
        match random.between(0, 2) {
            0 => Killed::None,
            1 => {
                let mut groups: Vec<&'static str> = tapedeck_groups::names().collect();
                let count = random.between(1, groups.len() as u64 - 1);
                while groups.len() as u64 > count {
                    groups.remove(random.between(0, groups.len() as u64 - 1) as usize);
                }
                Killed::Some(groups)
            }
            _ => Killed::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_damage_and_every_variant_is_drawn() {
        let of = |nemesis, seed| Damage::draw(nemesis, &mut Random::new(seed));
        let cases = |nemesis| {
            let drawn = (0..300).filter_map(|seed| of(nemesis, seed));
            drawn.map(|damage| damage.case()).collect::<std::collections::BTreeSet<String>>()
        };
        assert_eq!(of(Nemesis::LostTail, 7), of(Nemesis::LostTail, 7));
        let counts = [Nemesis::LostTail, Nemesis::FlippedByte, Nemesis::DeletedStream, Nemesis::OldDatabase]
            .map(|nemesis| cases(nemesis).len());
        assert!(counts[0] >= 12 && counts[1] >= 6 && counts[2] == 6 && counts[3] >= 5, "{counts:?}");
        assert_eq!(of(Nemesis::Halt, 1), None);
    }
}
