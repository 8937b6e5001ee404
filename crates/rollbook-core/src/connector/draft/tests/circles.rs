//! Descriptions whose schemas hold each other.

use super::*;

#[test]
fn schemas_that_hold_each_other_have_an_end() {
    let mut properties = serde_json::Map::new();
    properties.insert("id".to_owned(), json!({"type": "integer"}));
    for number in 0..40 {
        properties.insert(
            format!("value{number}"),
            json!({"$ref": "#/components/schemas/Extension"}),
        );
    }
    let list = json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": {
        "type": "array", "items": {"$ref": "#/components/schemas/Extension"}
    }}}}}}});
    let paths: serde_json::Map<String, Value> = (0..60)
        .map(|number| (format!("/list{number}"), list.clone()))
        .collect();
    let description = json!({
        "openapi": "3.0.0", "info": {"title": "x"}, "paths": paths,
        "components": {"schemas": {"Extension": {"type": "object", "properties": properties}}},
    });
    let text = drafted(&sample(&description, ""));
    assert!(text.contains("up to 20 more lists"), "{}", text.len());
}
