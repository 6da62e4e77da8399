// What a page does with the generated types; it only has to compile.
import type { components, operations } from "./flix";

type Catalog = operations["getCatalog"]["responses"][200]["content"]["application/json"];
type Denied = operations["getPlayback"]["responses"][403]["content"]["application/json"];

export function titles(catalog: Catalog): string[] {
  return catalog.catalog.items.filter((lesson) => lesson.status === "released").map((lesson) => lesson.title);
}

// The code of an error tells which members it has.
export function whyNot(refusal: Denied): string {
  return refusal.error === "LESSON_ACCESS_DENIED" ? refusal.status : refusal.message;
}

export const event: components["schemas"]["NewEvent"] = { title: "Pasta by Hand", slug: "pasta-by-hand" };

// @ts-expect-error: this code is none of this operation's.
export const wrong: Denied["error"] = "QUIZ_NOT_FOUND";
