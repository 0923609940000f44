//! The rows of a CSV file, separated by commas, semicolons or tabs, with or without a header.
//!
//! Cells may be quoted as in RFC 4180, but cannot contain a line break, and may have spaces around them. A header that
//! occurs again, as in files that were concatenated, is counted and skipped. After another header the columns are other
//! ones, so the rows up to the next known header are unreadable.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Content, FileEntry, utf8};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;
use crate::lines::Lines;

/// Kind under which headers within a file are counted.
const REPEATED_HEADER: &str = "repeated_header";

/// The separator of a file, by its first line.
fn separator(line: &str) -> u8 {
    let mut is_quoted = false;
    let outside = |c: &char| {
        is_quoted ^= *c == '"';
        !is_quoted
    };
    let outside: Vec<char> = line.chars().filter(outside).collect();
    [b'\t', b';'].into_iter().find(|one| outside.contains(&char::from(*one))).unwrap_or(b',')
}

/// The cells of the first line.
pub(super) fn first_cells(input: &InputFile) -> Vec<String> {
    let line = input.first_line();
    let mut splitter = Splitter::new(separator(line));
    let cells = splitter.split(line.as_bytes()).unwrap_or_default();
    cells.into_iter().map(str::to_string).collect()
}

/// Reads the rows of a file.
pub(super) struct Sheet {
    lines: Lines,
    splitter: Splitter,
    /// The columns, which a header names.
    header: Vec<String>,
    /// Whether a row is a header, of these or of other columns.
    is_header: fn(&[&str]) -> bool,
    is_first: bool,
    /// Whether the rows are below another header.
    is_foreign: bool,
}

impl Sheet {
    /// The rows of an input with columns of these names; its first row may be a header.
    pub(super) fn new(input: InputFile, header: Vec<String>, is_header: fn(&[&str]) -> bool) -> Self {
        let splitter = Splitter::new(separator(input.first_line()));
        Self { lines: Lines::new(input), splitter, header, is_header, is_first: true, is_foreign: false }
    }

    /// Reads the next row that is not blank; `None` at the end of the file.
    pub(super) fn next(
        &mut self,
        read: impl FnOnce(&[&str]) -> Result<FileEntry, Defect>,
    ) -> Result<Option<FileEntry>, FeedError> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            let is_first = std::mem::take(&mut self.is_first);
            let cells = match self.splitter.split(line) {
                Ok(cells) => cells,
                Err(defect) => return Err(self.lines.malformed(defect)),
            };
            if (self.is_header)(&cells) {
                self.is_foreign = cells != self.header;
                match self.is_foreign {
                    false if is_first => continue,
                    false => return Ok(Some(FileEntry { received: 0, content: Content::Skipped(REPEATED_HEADER) })),
                    true => {
                        let detail = format!("another header than {}", super::cut(&self.header.join(",")));
                        return Err(self.lines.malformed(Defect::new(kind::HEADER, detail)));
                    }
                }
            }
            if self.is_foreign {
                let detail = "below another header than the first, so that the columns are other ones";
                return Err(self.lines.malformed(Defect::new(kind::HEADER, detail)));
            }
            return read(&cells).map(Some).map_err(|defect| self.lines.malformed(defect));
        }
    }
}

/// Splits lines into cells.
struct Splitter {
    separator: u8,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    fn new(separator: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(separator).build();
        Self { separator, reader, text: Vec::new(), ends: vec![0; 16] }
    }

    /// The cells of a line, unquoted and trimmed.
    fn split(&mut self, line: &[u8]) -> Result<Vec<&str>, Defect> {
        check_quotes(line, self.separator)?;
        self.reader.reset();
        self.text.resize(line.len() + 1, 0);
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (rest, text) = (&line[read..], &mut self.text[written..]);
            let (result, more_read, more_written, more_ended) =
                self.reader.read_record(rest, text, &mut self.ends[ended..]);
            (read, written, ended) = (read + more_read, written + more_written, ended + more_ended);
            match result {
                ReadRecordResult::InputEmpty => {} // the next call, without input, ends the line
                ReadRecordResult::OutputFull => return Err("a cell is longer than its line".into()),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        if read < line.len() {
            return Err(Defect::new(kind::FIELDS, format!("a carriage return at byte {}, within the line", read)));
        }
        utf8(&self.text[..written]).map_err(|_| utf8(line).err().unwrap_or_else(|| "not UTF-8".into()))?;
        let mut start = 0;
        let mut cells = Vec::with_capacity(ended);
        for end in &self.ends[..ended] {
            cells.push(unquoted(utf8(&self.text[start..*end])?.trim()));
            start = *end;
        }
        Ok(cells)
    }
}

/// Checks that each cell that begins with a quote ends with one: the reader accepts others, which a file that is cut
/// off would turn into other values.
fn check_quotes(line: &[u8], separator: u8) -> Result<(), Defect> {
    let mut rest = line;
    loop {
        let spaces = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == b' ').count();
        let cell = &rest[spaces(rest)..];
        let has_space = cell.len() < rest.len();
        let mut after = cell;
        if let Some(quoted) = cell.strip_prefix(b"\"") {
            let mut quoted = quoted;
            loop {
                let end = quoted.iter().position(|byte| *byte == b'"');
                let end = end.ok_or_else(|| Defect::new(kind::FIELDS, "a quote that is not closed"))?;
                if has_space && quoted[..end].contains(&separator) {
                    return Err(Defect::new(kind::FIELDS, "a space before the quote of a cell with a separator"));
                }
                let Some(escaped) = quoted[end + 1..].strip_prefix(b"\"") else {
                    after = &quoted[end + 1 + spaces(&quoted[end + 1..])..];
                    break;
                };
                quoted = escaped;
            }
            if !after.is_empty() && after[0] != separator {
                return Err(Defect::new(kind::FIELDS, "text after a closing quote"));
            }
        }
        let Some(end) = after.iter().position(|byte| *byte == separator) else { return Ok(()) };
        rest = &after[end + 1..];
    }
}

/// A cell without the quotes that had spaces around them.
fn unquoted(cell: &str) -> &str {
    cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<String> {
        let mut splitter = Splitter::new(separator(line));
        splitter.split(line.as_bytes()).unwrap().into_iter().map(str::to_string).collect()
    }

    #[test]
    fn cells_are_separated_by_the_first_line_and_unquoted_and_trimmed() {
        for (line, expected) in [
            ("a,b", vec!["a", "b"]),
            (" a ;b; c d ", vec!["a", "b", "c d"]),
            ("a\tb,c\t", vec!["a", "b,c", ""]),
            (r#""a;b",c"#, vec!["a;b", "c"]),
            (r#"1, "2" ,"a ""b""" "#, vec!["1", "2", r#"a "b""#]),
            (",,", vec!["", "", ""]),
        ] {
            assert_eq!(cells(line), expected, "{line}");
        }
        let many = "1,".repeat(100);
        assert_eq!(cells(&many).len(), 101);
    }

    #[test]
    fn a_line_that_is_no_row_of_text_is_a_defect() {
        let mut splitter = Splitter::new(b',');
        assert!(splitter.split(b"a,b\rc,d").unwrap_err().detail.contains("a carriage return"));
        assert_eq!(splitter.split(b"a,\xff").unwrap_err().detail, "not UTF-8 from byte 3");
        for (line, told) in [
            (r#"1,"61"#, "not closed"),
            (r#"1,"un""x"#, "not closed"),
            (r#""1"9,2"#, "text after"),
            (r#""1"" ,2"#, "not closed"),
            (r#"1, "a,b""#, "a space before"),
        ] {
            let defect = splitter.split(line.as_bytes()).unwrap_err();
            assert!(defect.detail.contains(told), "{line}: {}", defect.detail);
        }
        assert_eq!(splitter.split(b"a,b").unwrap(), ["a", "b"], "the next line is read");
    }
}
