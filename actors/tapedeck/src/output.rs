//! Standard output. A closed pipe ends a command without a message; a full disk ends it with one. Nothing here panics.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// Prints a line, as `println!` of the standard library does, which panics when it cannot write.
macro_rules! println {
    () => { $crate::output::write(format_args!("\n")) };
    ($($argument:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($argument)*))) };
}

/// Prints text, as `print!` of the standard library does, which panics when it cannot write.
macro_rules! print {
    ($($argument:tt)*) => { $crate::output::write(format_args!($($argument)*)) };
}

/// Writes to standard output, and ends the process if that is not possible: with 0 if the reader closed the pipe, else
/// with 2.
pub(crate) fn write(text: Arguments<'_>) {
    match std::io::stdout().write_fmt(text) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("tapedeck: cannot write to standard output: {error}");
            std::process::exit(2);
        }
    }
}
