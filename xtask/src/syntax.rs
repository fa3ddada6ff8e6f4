//! Questions to the syntax tree of the generated client.

use std::collections::BTreeSet;

use syn::{
    Attribute, Expr, ExprLit, Field, GenericArgument, ImplItem, ImplItemFn, Item, Lit, LitStr, Meta,
    PathArguments, Type,
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

/// The methods in the inherent implementations among `items`.
pub(crate) fn methods_mut(items: &mut [Item]) -> impl Iterator<Item = &mut ImplItemFn> {
    let blocks = items.iter_mut().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() => Some(&mut block.items),
        _ => None,
    });
    blocks.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

/// The name of a field on the wire: that of `rename`, or its own.
pub(crate) fn wire_name(field: &Field) -> Option<String> {
    let renamed = serde_arguments(field).into_iter().find(|(name, _)| name == "rename");
    renamed.and_then(|(_, value)| value).or_else(|| Some(field.ident.as_ref()?.to_string()))
}

/// The arguments of the attributes of serde, with their values.
fn serde_arguments(field: &Field) -> Vec<(String, Option<String>)> {
    let mut arguments = Vec::new();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            let value = meta.value().and_then(|value| value.parse::<LitStr>()).ok().map(|text| text.value());
            arguments.extend(meta.path.get_ident().map(|name| (name.to_string(), value)));
            Ok(())
        });
    }
    arguments
}

/// Returns true if the field has this attribute of serde, such as `flatten`.
pub(crate) fn has_serde_flag(field: &Field, name: &str) -> bool {
    serde_arguments(field).iter().any(|(argument, _)| argument == name)
}

/// The derived traits.
pub(crate) fn derives(attributes: &[Attribute]) -> BTreeSet<String> {
    let mut derived = BTreeSet::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            derived.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    derived
}

/// The text of a doc comment, from the content of its attribute.
pub(crate) fn doc_text(meta: &Meta) -> Option<String> {
    let value = meta.require_name_value().ok().filter(|meta| meta.path.is_ident("doc"))?;
    match &value.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// The type within an `Option`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
