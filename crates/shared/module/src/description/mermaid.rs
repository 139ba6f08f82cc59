use std::fmt::{self, Write};

use super::ASKS;
use super::picture::{Arrow, End, Node, Picture, Shape};

pub(super) fn draw(picture: &Picture<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    write(&mut text, picture).expect("a String takes every write");
    text
}

fn write(text: &mut String, Picture { frame, nodes, arrows }: &Picture<'_>) -> fmt::Result {
    writeln!(text, "  subgraph frame[\"{}\"]", escaped(frame))?;
    for (id, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_inside) {
        writeln!(text, "    {}", written(id, node))?;
    }
    writeln!(text, "  end")?;
    for (id, node) in nodes.iter().enumerate().filter(|(_, node)| !node.is_inside) {
        writeln!(text, "  {}", written(id, node))?;
    }
    for Arrow { from, to, how, messages } in arrows {
        let line = if *how == ASKS { "-->" } else { "-.->" };
        let label: Vec<String> = std::iter::once(how).chain(messages).map(|line| escaped(line)).collect();
        writeln!(text, "  {} {line}|\"{}\"| {}", end(*from), label.join("<br/>"), end(*to))?;
    }
    if nodes.iter().any(|node| node.left_out) {
        writeln!(text, "  classDef leftOut stroke-dasharray: 4 4")?;
    }
    Ok(())
}

fn written(id: usize, node: &Node<'_>) -> String {
    let (open, close) = match node.shape {
        Shape::Module | Shape::Request => ("[", "]"),
        Shape::Event => (">", "]"),
        Shape::Subscriber => ("([", "])"),
        Shape::Projection => ("[/", "/]"),
        Shape::Saga => ("{{", "}}"),
        Shape::Collection => ("[(", ")]"),
    };
    let mut lines = vec![format!("<b>{}</b>", escaped(node.name))];
    if node.shape != Shape::Module {
        lines.push(node.kind.to_owned());
    }
    if !node.about.is_empty() {
        lines.push(escaped(&node.about));
    }
    let class = if node.left_out { ":::leftOut" } else { "" };
    format!("n{id}{open}\"{}\"{close}{class}", lines.join("<br/>"))
}

fn end(end: End) -> String {
    match end {
        End::Frame => "frame".into(),
        End::Node(id) => format!("n{id}"),
    }
}

/// Inside of quotes: whatever could be markup stands as its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:-_'()/".contains(c) {
            escaped.push(c);
        } else {
            write!(escaped, "#{};", u32::from(c)).expect("a String takes every write");
        }
    }
    escaped
}
