//! Layout of doc comments: a line of text for each line of source.

use syn::{Attribute, Fields, ImplItem, Item, parse_quote};

use crate::syntax::doc_text;

/// Splits every doc comment below `items` into lines, each after a space.
pub(crate) fn lay_out(items: &mut [Item]) {
    for item in items {
        match item {
            Item::Struct(item) => {
                split(&mut item.attrs);
                lay_out_fields(&mut item.fields);
            }
            Item::Enum(item) => {
                split(&mut item.attrs);
                for variant in &mut item.variants {
                    split(&mut variant.attrs);
                    lay_out_fields(&mut variant.fields);
                }
            }
            Item::Impl(block) => {
                for item in &mut block.items {
                    match item {
                        ImplItem::Fn(function) => split(&mut function.attrs),
                        ImplItem::Const(constant) => split(&mut constant.attrs),
                        _ => {}
                    }
                }
            }
            Item::Mod(module) => {
                split(&mut module.attrs);
                if let Some((_, items)) = &mut module.content {
                    lay_out(items);
                }
            }
            _ => {}
        }
    }
}

fn lay_out_fields(fields: &mut Fields) {
    fields.iter_mut().for_each(|field| split(&mut field.attrs));
}

fn split(attributes: &mut Vec<Attribute>) {
    let mut laid_out: Vec<Attribute> = Vec::with_capacity(attributes.len());
    for attribute in attributes.drain(..) {
        match doc_text(&attribute) {
            None => laid_out.push(attribute),
            Some(text) => {
                for line in text.trim_end().replace('\r', " ").split('\n') {
                    let line = line.trim_end();
                    let line = if line.is_empty() || line.starts_with(' ') {
                        line.to_owned()
                    } else {
                        format!(" {line}")
                    };
                    laid_out.push(parse_quote!(#[doc = #line]));
                }
            }
        }
    }
    *attributes = laid_out;
}
