use std::fmt::{self, Write};

use super::picture::{Arrow, End, Node, Picture, Shape};

pub(super) fn draw(picture: &Picture<'_>) -> String {
    let mut text = String::from("@startuml\n!include <C4/C4_Component>\n");
    write(&mut text, picture).expect("a String takes every write");
    text.push_str("@enduml\n");
    text
}

fn write(text: &mut String, Picture { frame, nodes, arrows }: &Picture<'_>) -> fmt::Result {
    writeln!(text, "Container_Boundary(frame, \"{}\") {{", escaped(frame))?;
    for (id, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_inside) {
        writeln!(text, "  {}", written(id, node))?;
    }
    writeln!(text, "}}")?;
    for (id, node) in nodes.iter().enumerate().filter(|(_, node)| !node.is_inside) {
        writeln!(text, "{}", written(id, node))?;
    }
    for Arrow { from, to, how, messages } in arrows {
        let messages: Vec<String> = messages.iter().map(|message| escaped(message)).collect();
        let (from, to) = (end(*from), end(*to));
        match messages.is_empty() {
            true => writeln!(text, "Rel({from}, {to}, \"{}\")", escaped(how))?,
            false => writeln!(text, "Rel({from}, {to}, \"{}\", \"{}\")", escaped(how), messages.join(", "))?,
        }
    }
    Ok(())
}

fn written(id: usize, node: &Node<'_>) -> String {
    let element = match node.shape {
        Shape::Event => "ComponentQueue",
        Shape::Collection => "ComponentDb",
        Shape::Module if !node.is_inside => "Component_Ext",
        Shape::Module | Shape::Request | Shape::Subscriber | Shape::Projection | Shape::Saga => "Component",
    };
    let kind = if node.left_out { format!("{}, left out", node.kind) } else { node.kind.to_owned() };
    let (name, about) = (escaped(node.name), escaped(&node.about));
    match about.is_empty() {
        true => format!("{element}(n{id}, \"{name}\", \"{kind}\")"),
        false => format!("{element}(n{id}, \"{name}\", \"{kind}\", \"{about}\")"),
    }
}

fn end(end: End) -> String {
    match end {
        End::Frame => "frame".into(),
        End::Node(id) => format!("n{id}"),
    }
}

/// Inside of quotes: whatever PlantUML, its preprocessor or its markup could take for its own stands as its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:-_'()".contains(c) {
            escaped.push(c);
        } else {
            write!(escaped, "<U+{:04X}>", u32::from(c)).expect("a String takes every write");
        }
    }
    escaped
}
