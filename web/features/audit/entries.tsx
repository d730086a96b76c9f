import { useState } from 'preact/hooks'
import type { AuditRecord } from '../../../src/recording/audit-chain.ts'
import { sentenceOf, type Names } from '../../../src/recording/audit-sentences.ts'
import { Empty, Loading, More, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatClock, formatDay } from '../../lib/format.ts'
import { usePages } from '../../lib/use-data.ts'
import { EntryFilterForm, givenParts, useEntryFilter } from './entry-filter.tsx'
import { hasPage, Subject } from './subject.tsx'

/** The entries of the chain, newest first, with a search and an export. */
export function Entries() {
  const asked = useEntryFilter()
  const [names, setNames] = useState<Names>({ people: {}, subjects: {} })
  const filter = givenParts(asked)
  const { data, error, loading, more, reload } = usePages(`audit ${JSON.stringify(filter)}`, async (cursor) => {
    const page = await api.auditPage({
      ...filter,
      limit: 50,
      ...(cursor === undefined ? {} : { before: Number(cursor) }),
    })
    setNames((before) => ({
      people: { ...before.people, ...page.people },
      subjects: { ...before.subjects, ...page.subjects },
    }))
    return page
  })
  return (
    <section class="stack">
      <h2>Entries</h2>
      <EntryFilterForm asked={asked} />
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="entries" />}
      {data?.length === 0 && <Empty>No matching entries.</Empty>}
      {data !== undefined && data.length > 0 && <EntryList entries={data} names={names} />}
      <More more={more} loading={loading && data !== undefined} />
    </section>
  )
}

function EntryList({ entries, names }: { entries: readonly AuditRecord[]; names: Names }) {
  return (
    <ol class="timeline audit" aria-label="Audit entries, newest first">
      {entries.map((entry, index) => (
        <li key={entry.seq} data-type={entry.type}>
          <time dateTime={entry.at} title={entry.at}>
            {entries[index - 1]?.at.slice(0, 10) === entry.at.slice(0, 10) ? '' : `${formatDay(entry.at)} `}
            {formatClock(entry.at)}
          </time>
          <Entry entry={entry} names={names} />
        </li>
      ))}
    </ol>
  )
}

function Entry({ entry, names }: { entry: AuditRecord; names: Names }) {
  const { seq, type, actor, subject, data, hash } = entry
  return (
    <div>
      <Text>{sentenceOf(entry, names)}</Text> {hasPage(subject) && <Subject id={subject} />}
      <details class="small">
        <summary class="soft">
          {seq} <span class="mono">{type}</span>
        </summary>
        <dl class="facts">
          <dt>Actor</dt>
          <dd class="mono">
            <Text>{actor}</Text>
          </dd>
          <dt>Subject</dt>
          <dd class="mono">
            <Text>{subject}</Text>
          </dd>
          <dt>Data</dt>
          <dd>
            <pre>
              <Text>{JSON.stringify(data, null, 2)}</Text>
            </pre>
          </dd>
          <dt>Hash</dt>
          <dd class="mono">{hash}</dd>
        </dl>
      </details>
    </div>
  )
}
