// What a brand website's developer writes against the generated types.
import createClient from "openapi-fetch";
import type { paths } from "./generated/api.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });

export async function search(words: string): Promise<string[]> {
  const { data, error } = await client.GET("/v1/territories/{slug}/postings", {
    params: { path: { slug: "pays-des-sources" }, query: { q: words, facets: ["contract"] } },
  });
  if (error) throw new Error(`${error.title}: ${error.detail}`);
  const contracts: number = data.facets.contract?.[0]?.count ?? 0;
  return [`${data.total} postings, ${contracts} of the first kind`, ...data.items.map((item) => item.title)];
}

export async function createDraft(key: string, employer: string, title: string): Promise<string> {
  const { data, error } = await client.POST("/v1/postings", {
    headers: { Authorization: `Bearer ${key}` },
    body: { employer_id: employer, title, salary: { min: 1900, unit: "month" } },
  });
  if (error) throw new Error(error.errors?.map((field) => `${field.pointer} ${field.detail}`).join("; ") ?? error.detail);
  return data.id;
}
