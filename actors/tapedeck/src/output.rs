//! Standard output. A command whose reader closed the pipe goes on without output, and ends with its own exit status;
//! a full disk ends it with a message. Nothing here panics.

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

/// Writes to standard output. Text for a closed pipe is dropped: what the command does must not depend on its reader.
/// On any other failure the process ends with exit status 2.
pub(crate) fn write(text: Arguments<'_>) {
    match std::io::stdout().write_fmt(text) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            eprintln!("tapedeck: cannot write to standard output: {error}");
            std::process::exit(2);
        }
    }
}
