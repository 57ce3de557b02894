//! Typed records seen from outside: what a value is made of, without knowing its type.
//!
//! The JSON writer, the trace and the tables of versions need to visit every field of a config, whatever it
//! is called. They see it through these traits, which the declaration of the records implements.

/// What a value is.
pub enum Shape<'a> {
    /// Nothing is said.
    Absent,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// A list.
    List(&'a dyn List),
    /// A record.
    Record(&'a dyn Record),
}

/// A value that can be looked into.
pub trait Field {
    /// What it is.
    fn shape(&self) -> Shape<'_>;

    /// Whether it says nothing: absent, an empty list, a record of such, a bare zero or a bare empty text.
    fn is_empty(&self) -> bool;
}

/// A list that can be looked into.
pub trait List {
    /// Calls `each` for every element.
    fn each<'a>(&'a self, each: &mut dyn FnMut(usize, &'a dyn Field));
}

/// A record that can be looked into.
pub trait Record {
    /// Calls `each` for every field, in the order of the JSON, with its JSON name and whether it is written
    /// even when it says nothing.
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'static str, bool, &'a dyn Field));
}

impl Field for bool {
    fn shape(&self) -> Shape<'_> {
        Shape::Bool(*self)
    }
    fn is_empty(&self) -> bool {
        !self
    }
}

impl Field for i64 {
    fn shape(&self) -> Shape<'_> {
        Shape::Integer(*self)
    }
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Field for String {
    fn shape(&self) -> Shape<'_> {
        Shape::Text(self)
    }
    fn is_empty(&self) -> bool {
        String::is_empty(self)
    }
}

impl<T: Field> Field for Option<T> {
    fn shape(&self) -> Shape<'_> {
        self.as_ref().map_or(Shape::Absent, Field::shape)
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Vec<T> {
    fn shape(&self) -> Shape<'_> {
        Shape::List(self)
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl<T: Field> List for Vec<T> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(usize, &'a dyn Field)) {
        for (index, item) in self.iter().enumerate() {
            each(index, item);
        }
    }
}

struct Seen<'a>(&'a dyn Field);

impl serde::Serialize for Seen<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.shape() {
            Shape::Absent => serializer.serialize_none(),
            Shape::Bool(value) => serializer.serialize_bool(value),
            Shape::Integer(value) => serializer.serialize_i64(value),
            Shape::Text(value) => serializer.serialize_str(value),
            Shape::List(list) => {
                let mut items = Vec::new();
                list.each(&mut |_, item| items.push(Seen(item)));
                serializer.collect_seq(items)
            }
            Shape::Record(record) => serialize(record, serializer),
        }
    }
}

/// Serializes a record: the fields that say something, and those that are always written.
pub(super) fn serialize<S: serde::Serializer>(record: &dyn Record, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = Vec::new();
    record.each(&mut |name, required, field| {
        if required || !field.is_empty() {
            fields.push((name, Seen(field)));
        }
    });
    serializer.collect_map(fields)
}

/// Calls `visit` for everything at or below `value` that says something, with its path below `value`.
///
/// Bare zeros and bare empty texts say nothing, and neither do records without a field that does.
pub fn populated(value: &dyn Field, visit: &mut dyn FnMut(&[crate::model::Step], &dyn Field)) {
    walk(value, &mut Vec::new(), visit);
}

fn walk(
    value: &dyn Field,
    steps: &mut Vec<crate::model::Step>,
    visit: &mut dyn FnMut(&[crate::model::Step], &dyn Field),
) -> bool {
    let said = match value.shape() {
        Shape::Absent => false,
        Shape::List(list) => {
            let mut said = false;
            list.each(&mut |index, item| {
                steps.push(index.into());
                said |= walk(item, steps, visit);
                steps.pop();
            });
            said
        }
        Shape::Record(record) => {
            let mut said = false;
            record.each(&mut |name, _, field| {
                steps.push(name.into());
                said |= walk(field, steps, visit);
                steps.pop();
            });
            said
        }
        Shape::Bool(_) | Shape::Integer(_) | Shape::Text(_) => !value.is_empty(),
    };
    if said {
        visit(steps, value);
    }
    said
}

/// A value that can be filled in without knowing its type.
pub enum Slot<'a> {
    /// A truth value.
    Bool(&'a mut Option<bool>),
    /// A whole number.
    Integer(&'a mut Option<i64>),
    /// A whole number that is 0 if nothing is said.
    Number(&'a mut i64),
    /// A text.
    Text(&'a mut Option<String>),
    /// A text that is empty if nothing is said.
    Name(&'a mut String),
    /// A list.
    List(&'a mut dyn ListSlot),
    /// A record.
    Record(&'a mut dyn RecordSlot),
}

/// A value that can be filled in.
pub trait Fill {
    /// Where to put what.
    fn slot(&mut self) -> Slot<'_>;
}

/// A list that can be filled in.
pub trait ListSlot {
    /// Forgets all elements.
    fn clear(&mut self);
    /// Adds an element that says nothing yet.
    fn push(&mut self) -> &mut dyn Fill;
    /// The name of the elements' type if they are records.
    fn element(&self) -> Option<&'static str>;
}

/// A record that can be filled in.
pub trait RecordSlot {
    /// Its type's name.
    fn name(&self) -> &'static str;
    /// Calls `each` for every field with its JSON name.
    fn each_slot(&mut self, each: &mut dyn FnMut(&'static str, &mut dyn Fill));
}

macro_rules! slots {
    ($($type:ty => $slot:ident),*) => {$(
        impl Fill for $type {
            fn slot(&mut self) -> Slot<'_> {
                Slot::$slot(self)
            }
        }
    )*};
}
slots!(Option<bool> => Bool, Option<i64> => Integer, i64 => Number, Option<String> => Text, String => Name);

/// Types of list elements.
pub trait Element: Fill + Default {
    /// The name of the type if it is a record.
    const NAME: Option<&'static str>;
}

impl Element for String {
    const NAME: Option<&'static str> = None;
}

impl<T: Element> Fill for Vec<T> {
    fn slot(&mut self) -> Slot<'_> {
        Slot::List(self)
    }
}

impl<T: Element> ListSlot for Vec<T> {
    fn clear(&mut self) {
        Vec::clear(self);
    }
    fn push(&mut self) -> &mut dyn Fill {
        Vec::push(self, T::default());
        let last = self.len() - 1;
        &mut self[last]
    }
    fn element(&self) -> Option<&'static str> {
        T::NAME
    }
}
