//! Questions to the syntax tree of the generated client.

use syn::{
    Attribute, Expr, Field, GenericArgument, Ident, ImplItem, ImplItemFn, Item, Lit, Meta, PathArguments,
    Type, Variant,
};

/// The items of the module `types`; none if the generator wrote no such module.
pub(crate) fn types_module(file: &mut syn::File) -> Option<&mut Vec<Item>> {
    file.items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => Some(&mut module.content.as_mut()?.1),
        _ => None,
    })
}

/// The name of a struct or enum.
pub(crate) fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// The inherent methods of the type `ident`.
pub(crate) fn methods_of<'a>(items: &'a [Item], ident: &Ident) -> Vec<&'a ImplItemFn> {
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() => match &*block.self_ty {
            Type::Path(path) if path.path.is_ident(ident) => Some(&block.items),
            _ => None,
        },
        _ => None,
    });
    let methods = blocks.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    methods.collect()
}

/// The name of a field on the wire: that of `rename`, or its own.
pub(crate) fn wire_name(field: &Field) -> Option<String> {
    let ident = field.ident.as_ref()?;
    let mut name = ident.to_string();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value() {
                let value: Lit = value.parse()?;
                if let (true, Lit::Str(value)) = (meta.path.is_ident("rename"), value) {
                    name = value.value();
                }
            }
            Ok(())
        });
    }
    Some(name)
}

/// Returns true if serde does not fill the field when it is absent.
pub(crate) fn is_required(field: &Field) -> bool {
    optional(&field.ty).is_none() && !has_serde_flag(field, "default") && !has_serde_flag(field, "flatten")
}

/// Returns true if the field has this attribute of serde, such as `flatten`.
pub(crate) fn has_serde_flag(field: &Field, name: &str) -> bool {
    let mut found = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(name);
            if let Ok(value) = meta.value() {
                value.parse::<Lit>()?;
            }
            Ok(())
        });
    }
    found
}

/// The text of a doc comment.
pub(crate) fn doc_text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The kind of a variant: a value of its own, or one that holds others.
pub(crate) fn type_of_variant(variant: &Variant) -> String {
    match variant.fields.len() {
        0 => "a value".to_owned(),
        count => format!("a value that holds {count}"),
    }
}

/// The type within an `Option`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Collects the last segment of every path within `ty`.
pub(crate) fn collect_idents(ty: &Type, idents: &mut Vec<String>) {
    match ty {
        Type::Reference(reference) => collect_idents(&reference.elem, idents),
        Type::Path(path) => {
            for segment in &path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            collect_idents(ty, idents);
                        }
                    }
                }
            }
            idents.extend(path.path.segments.last().map(|segment| segment.ident.to_string()));
        }
        _ => {}
    }
}
