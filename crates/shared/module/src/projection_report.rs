use event_sourcing::{Position, ProjectionStanding};
use serde::{Deserialize, Serialize};

/// How a projection of a serving process stands, for other processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectionReport {
    /// Its stable name.
    pub name: String,
    /// The module that it belongs to.
    pub module: String,
    /// Everything up to here is applied to what readers see, or of no interest.
    pub position: Position,
    /// Events of any type between there and the end of the log.
    pub behind: u64,
    /// Seconds since the oldest event happened that readers do not see.
    pub oldest_seconds: Option<f64>,
    /// Nothing is applied until it is resumed.
    pub paused: bool,
    /// Before which event it has halted, and why.
    pub halted: Option<String>,
    /// How far the documents are that are being written anew.
    pub rebuild: Option<Position>,
    /// The same of these.
    pub rebuild_halted: Option<String>,
    /// What keeps it from its work.
    pub trouble: Option<String>,
}

impl From<ProjectionStanding> for ProjectionReport {
    fn from(standing: ProjectionStanding) -> Self {
        Self {
            name: standing.name.into(),
            module: standing.module.into(),
            position: standing.position,
            behind: standing.lag,
            oldest_seconds: standing.age.map(|age| age.as_secs_f64()),
            paused: standing.paused,
            halted: standing.halted.map(|halt| halt.to_string()),
            rebuild: standing.rebuild,
            rebuild_halted: standing.rebuild_halted.map(|halt| halt.to_string()),
            trouble: standing.trouble,
        }
    }
}

impl ProjectionReport {
    /// For a person: how it stands, behind a column of so many characters for its name, and below that, set in, what somebody should
    /// look at.
    pub fn lines(&self, column: usize) -> Vec<String> {
        let Self { name, position, behind, .. } = self;
        let standing = if *behind == 0 { "up to date".to_owned() } else { format!("{behind} behind") };
        let oldest =
            self.oldest_seconds.map(|age| format!(", the oldest event waits for {age:.0} s")).unwrap_or_default();
        let mut lines = vec![format!("{name:<column$}  at {position}, {standing}{oldest}")];
        let mut look_at = |what: String| lines.push(format!("  {what}"));
        if self.paused {
            look_at(format!("paused: go on with `borough projections resume {name}`"));
        }
        if let Some(halt) = &self.halted {
            look_at(format!("halted before {halt}: mended, it goes on with `borough projections resume {name}`"));
        }
        if let Some(position) = self.rebuild {
            look_at(format!("being written anew, at {position}"));
        }
        if let Some(halt) = &self.rebuild_halted {
            look_at(format!("the rebuild halted before {halt}"));
        }
        if let Some(trouble) = &self.trouble {
            look_at(trouble.clone());
        }
        lines
    }
}
