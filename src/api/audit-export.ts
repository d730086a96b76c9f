import type { AuditRecord } from '../recording/audit-chain.ts'

/** One row for each entry (RFC 4180), after a row of names. `people`: names of actors, by id. */
export async function* auditCsv(
  pages: AsyncIterable<{ readonly records: readonly AuditRecord[]; readonly people: Readonly<Record<string, string>> }>,
): AsyncGenerator<string, void, undefined> {
  yield `${COLUMNS.join(',')}\r\n`
  for await (const { records, people } of pages)
    for (const { seq, at, type, actor, subject, data, hash } of records)
      yield `${[String(seq), at, type, actor, (Object.hasOwn(people, actor) ? people[actor] : undefined) ?? '', subject, JSON.stringify(data), hash].map(cell).join(',')}\r\n`
}

/** As `pamctl audit` prints them: what `pamctl verify --audit` takes. */
export async function* auditJsonLines(
  pages: AsyncIterable<{ readonly records: readonly AuditRecord[] }>,
): AsyncGenerator<string, void, undefined> {
  for await (const { records } of pages) for (const record of records) yield `${JSON.stringify(record)}\n`
}

const COLUMNS = ['seq', 'at', 'type', 'actor', 'actor_name', 'subject', 'data', 'hash']

/** What a spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV Injection): people write reasons and names. */
function cell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
