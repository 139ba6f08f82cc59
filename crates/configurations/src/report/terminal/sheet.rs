//! Headings, tables and facts under each other, in a given width.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle,
};

use crate::report::outcome::Tone;

const INDENT: usize = 2;
/// Blanks between columns.
const GAP: u16 = 2;
/// A line below the header and nothing else.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

pub struct Sheet {
    text: String,
    width: usize,
}

/// How a column of a table is headed and set.
pub struct Column {
    title: &'static str,
    alignment: CellAlignment,
    fixed: bool,
}

pub fn left(title: &'static str) -> Column {
    Column { title, alignment: CellAlignment::Left, fixed: false }
}

pub fn right(title: &'static str) -> Column {
    Column { alignment: CellAlignment::Right, ..left(title) }
}

impl Column {
    /// Never narrowed: the others share what is left.
    pub fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }
}

/// A row of at most so many lines; what is cut off ends in `…`.
pub fn row(cells: Vec<Cell>, lines: usize) -> Row {
    let mut row = Row::from(cells);
    row.max_height(lines);
    row
}

pub fn coloured(text: &str, tone: Tone) -> Cell {
    Cell::new(text).fg(match tone {
        Tone::Good => Color::DarkGreen,
        Tone::Warn => Color::DarkYellow,
        Tone::Bad => Color::DarkRed,
    })
}

pub fn faint(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Dim)
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
    }
}

impl Sheet {
    pub fn new(width: usize) -> Self {
        Self { text: String::new(), width: width.max(60) }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// Title and what there is to say about it, with a mark if it is good or bad: in one line if there is room.
    pub fn heading(&mut self, title: &str, summary: &str, tone: Option<Tone>) {
        let bold = Style::new().bold();
        if !self.text.is_empty() {
            self.gap();
        }
        self.push(format_args!("{bold}{title}{bold:#}"));
        let mark = tone.map(|tone| format!("{} ", tone.mark())).unwrap_or_default();
        let summary = format!("{mark}{summary}");
        if title.chars().count() + 2 + summary.chars().count() > self.width {
            let mut table = self.bare(TableStyle::new());
            table.add_row(vec![tone.map_or_else(|| Cell::new(&summary), |tone| coloured(&summary, tone))]);
            self.gap();
            self.put(table);
        } else if summary.is_empty() {
            self.gap();
        } else {
            let style = tone.map(style).unwrap_or_default();
            self.push(format_args!("  {style}{summary}{style:#}\n"));
        }
    }

    /// Ends a line, or leaves one out.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    pub fn line(&mut self, text: &str) {
        self.push(format_args!("{:INDENT$}{text}\n", ""));
    }

    /// Labels and their texts, which wrap beside the labels.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        let mut table = self.bare(TableStyle::new());
        for (label, text) in facts {
            table.add_row(vec![faint(label), Cell::new(text)]);
        }
        if let Some(labels) = table.column_mut(0) {
            labels.set_padding((0, GAP)).set_constraint(ColumnConstraint::ContentWidth);
        }
        self.put(table);
    }

    /// An empty table; its rows are [`row`]s.
    pub fn table(&self, columns: &[Column]) -> Table {
        let mut table = self.bare(RULED);
        let header = columns.iter().map(|column| Cell::new(column.title).add_attribute(Attribute::Bold));
        table.set_header(row(header.collect(), 1));
        for (set, column) in table.column_iter_mut().zip(columns) {
            set.set_padding((0, GAP)).set_cell_alignment(column.alignment);
            if column.fixed {
                set.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }

    pub fn put(&mut self, mut table: Table) {
        if let Some(last) = table.column_iter_mut().last() {
            last.set_padding((0, 0));
        }
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }

    /// Says what a table that shows at most `shown` rows has left out.
    pub fn rest(&mut self, all: usize, shown: usize, noun: &str) {
        if all > shown {
            self.line(&format!("… and {} more {noun}, see --json", all - shown));
        }
    }

    fn bare(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        let width = u16::try_from(self.width - INDENT).unwrap_or(u16::MAX);
        table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        // Whether there are colours is for anstream to decide; there are none on the blanks that end a line.
        table.enforce_styling().style_text_only();
        table
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a String takes every write");
    }
}
