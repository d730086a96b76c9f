import { useState } from 'preact/hooks'
import { setQuery, usePlace } from '../../app/router.tsx'
import { useMedia } from '../../lib/media.ts'
import { EVENT_GROUPS, EVENT_WORDS } from './event-words.ts'

const NAMES = ['user', 'type', 'target', 'subject', 'text'] as const
export type EntryFilter = Readonly<Record<(typeof NAMES)[number], string>>

/** What the URL asks for; empty where it asks for nothing. */
export function useEntryFilter(): EntryFilter {
  const { query } = usePlace()
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as EntryFilter
}

/** The parts of a filter that are not empty. */
export const givenParts = (filter: EntryFilter): Partial<EntryFilter> =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''))

/** Searches the entries, and exports those that match what was searched for. */
export function EntryFilterForm({ asked }: { asked: EntryFilter }) {
  const [values, setValues] = useState(asked)
  const isWide = useMedia('(min-width: 40rem)')
  const [isOpen, setOpen] = useState(isWide || Object.values(asked).some((value) => value !== ''))
  const field = (name: keyof EntryFilter) => ({
    value: values[name],
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement }) =>
      setValues({ ...values, [name]: currentTarget.value }),
  })
  return (
    <details class="card" open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Search and export</summary>
      <form
        class="stack"
        role="search"
        aria-label="Audit entries"
        onSubmit={(event) => {
          event.preventDefault()
          setQuery(values)
        }}
      >
        <div class="filters">
          <label>
            Person
            <input {...field('user')} placeholder="e-mail or id" />
          </label>
          <label>
            What happened
            <select
              value={values.type}
              onChange={({ currentTarget }) => setValues({ ...values, type: currentTarget.value })}
            >
              <option value="">anything</option>
              {EVENT_GROUPS.map(({ prefix, label, types }) => (
                <optgroup key={prefix} label={label}>
                  {types.length > 1 && <option value={prefix}>{`${label}: all`}</option>}
                  {types.map((type) => (
                    <option key={type} value={type}>
                      {EVENT_WORDS[type]}
                    </option>
                  ))}
                </optgroup>
              ))}
            </select>
          </label>
          <label>
            Target
            <input {...field('target')} />
          </label>
          <label>
            Subject (id)
            <input {...field('subject')} placeholder="ses_…" />
          </label>
          <label>
            Contains
            <input {...field('text')} />
          </label>
        </div>
        <div class="row">
          <button type="submit" class="primary">
            Search
          </button>
          {['csv', 'jsonl'].map((format) => (
            <a
              key={format}
              class="button"
              href={`/v1/audit/export?${new URLSearchParams({ ...givenParts(asked), format }).toString()}`}
              download={`audit.${format}`}
            >
              Export {format === 'csv' ? 'CSV' : 'JSON Lines'}
            </a>
          ))}
        </div>
      </form>
    </details>
  )
}
