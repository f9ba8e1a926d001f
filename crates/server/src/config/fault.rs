//! What is wrong with the settings, told all at once.

use std::fmt;

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) variable: String,
    pub(super) reason: String,
    /// Empty: none would help.
    pub(super) example: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.reason)?;
        if self.example.is_empty() {
            Ok(())
        } else {
            write!(f, " (for example {})", self.example)
        }
    }
}

/// All of them.
///
/// ```
/// # use std::path::Path;
/// use tollgate::config::Config;
///
/// let env = [("PORT", "many"), ("SANDBOX", "maybe")];
/// let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let faults = Config::from_layers(env.into(), Path::new("/nowhere/.env")).unwrap_err();
/// assert_eq!(faults.to_string().lines().count(), 2, "one line for each");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub(super) Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl Faults {
    /// One fault, found later than the others.
    ///
    /// ```
    /// use tollgate::config::Faults;
    ///
    /// let fault = Faults::one("DATABASE_URL", "there is no database");
    /// assert_eq!(fault.to_string(), "DATABASE_URL: there is no database");
    /// ```
    pub fn one(variable: &str, reason: impl Into<String>) -> Self {
        Self(vec![Fault {
            variable: variable.to_owned(),
            reason: reason.into(),
            example: "",
        }])
    }
}
