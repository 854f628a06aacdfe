//! The schemas that outputs are written in, and which kind is written in which.

use super::Kind;

/// A schema, as `--schema`, the configuration and the outputs' headers name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Schema {
    /// Open Cybersecurity Schema Framework.
    #[default]
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
    /// Microsoft Sentinel's Advanced Security Information Model.
    Asim,
}

impl Schema {
    pub const ALL: [Schema; 3] = [Schema::Ocsf, Schema::Ecs, Schema::Asim];

    pub fn as_str(self) -> &'static str {
        match self {
            Schema::Ocsf => "ocsf",
            Schema::Ecs => "ecs",
            Schema::Asim => "asim",
        }
    }
}

impl std::str::FromStr for Schema {
    type Err = String;

    fn from_str(text: &str) -> Result<Schema, String> {
        Schema::ALL
            .into_iter()
            .find(|schema| schema.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no schema; expected ocsf, ecs or asim"))
    }
}

/// The schema of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schemas([Schema; Kind::ALL.len()]);

impl Schemas {
    /// One for all kinds.
    pub fn all(schema: Schema) -> Schemas {
        Schemas([schema; Kind::ALL.len()])
    }

    pub fn with(mut self, kind: Kind, schema: Schema) -> Schemas {
        self.0[kind as usize] = schema;
        self
    }

    pub fn of(&self, kind: Kind) -> Schema {
        self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own() {
        let schemas = Schemas::all(Schema::Ecs).with(Kind::Alert, Schema::Asim);
        assert_eq!(schemas.of(Kind::Alert), Schema::Asim);
        assert_eq!(schemas.of(Kind::Flow), Schema::Ecs);
        assert_eq!(Schemas::default().of(Kind::Audit), Schema::Ocsf);
        assert_eq!("asim".parse(), Ok(Schema::Asim));
        assert!("asym".parse::<Schema>().is_err());
    }
}
