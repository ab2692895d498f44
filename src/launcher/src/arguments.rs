//! The command line: the launcher's few words are taken, all others are the kernel's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) python: Option<OsString>,
    pub(crate) command: Command,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Version,
    Doctor,
    Kernel(Vec<OsString>),
}

impl Arguments {
    /// Our own words come first; the first word that is not ours begins the kernel's.
    pub(crate) fn parse(words: &[OsString]) -> Result<Arguments, String> {
        let mut words = words.iter();
        let mut python = None;
        let command = loop {
            let rest = words.as_slice();
            let Some(word) = words.next() else {
                break Command::Kernel(Vec::new());
            };
            match word.as_bytes() {
                b"--python" => match words.next() {
                    Some(value) if !value.is_empty() => python = Some(value.clone()),
                    _ => {
                        return Err("`--python` names no Python; give an executable, \
                             the folder of an environment, or a name in `PATH`"
                            .to_owned());
                    }
                },
                b"--help" | b"-h" => break Command::Help,
                b"--version" => break Command::Version,
                b"doctor" => {
                    if let Some(word) = words.next() {
                        return Err(format!(
                            "`doctor` takes nothing after it, but was given: `{}`",
                            word.display()
                        ));
                    }
                    break Command::Doctor;
                }
                bytes => match bytes.strip_prefix(b"--python=") {
                    Some(value) if !value.is_empty() => {
                        python = Some(OsStr::from_bytes(value).to_owned());
                    }
                    _ => break Command::Kernel(rest.to_vec()),
                },
            }
        };
        Ok(Arguments { python, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Arguments::parse(&words)
    }

    fn kernel(words: &[&str]) -> Command {
        Command::Kernel(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn words_of_the_kernel_are_passed_on() {
        let arguments = parse(&["--python", "/v/bin/python", "-f", "c.json", "--debug"]).unwrap();
        assert_eq!(
            arguments.python.as_deref(),
            Some(OsStr::new("/v/bin/python"))
        );
        assert_eq!(arguments.command, kernel(&["-f", "c.json", "--debug"]));
    }

    #[test]
    fn python_may_follow_an_equals_sign() {
        let arguments = parse(&["--python=python3.12", "doctor"]).unwrap();
        assert_eq!(arguments.python.as_deref(), Some(OsStr::new("python3.12")));
        assert_eq!(arguments.command, Command::Doctor);
    }

    #[test]
    fn what_follows_the_kernels_first_word_is_the_kernels() {
        let words = ["-f", "c.json", "--python", "x", "--help"];
        let arguments = parse(&words).unwrap();
        assert_eq!(arguments.python, None);
        assert_eq!(arguments.command, kernel(&words));
    }

    #[test]
    fn help_for_all_options_is_the_kernels() {
        assert_eq!(
            parse(&["--help-all"]).unwrap().command,
            kernel(&["--help-all"])
        );
        assert_eq!(parse(&["--help"]).unwrap().command, Command::Help);
        assert_eq!(parse(&["--version"]).unwrap().command, Command::Version);
        assert_eq!(parse(&[]).unwrap().command, kernel(&[]));
    }

    #[test]
    fn python_without_a_value_is_an_error() {
        assert!(
            parse(&["--python"])
                .unwrap_err()
                .contains("names no Python")
        );
        assert!(
            parse(&["--python", ""])
                .unwrap_err()
                .contains("names no Python")
        );
        assert!(parse(&["doctor", "-f"]).unwrap_err().contains("`-f`"));
    }
}
