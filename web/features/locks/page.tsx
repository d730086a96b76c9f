import { useState } from 'preact/hooks'
import type { Lock } from '../../../src/api/schemas/lock.ts'
import { navigate, usePlace } from '../../app/router.tsx'
import { Confirm } from '../../components/ui/dialog.tsx'
import { Badge, Empty, Loading, Problem, Table, When, type Column } from '../../components/ui/parts.tsx'
import { FEW_ROWS, FilterField } from '../../components/ui/filter-field.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { count, formatDateTime } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useStore } from '../../lib/store.ts'
import { useData } from '../../lib/use-data.ts'
import { NewLock } from './new-lock.tsx'

/** Who and what is locked, why, by whom and until when; locking and unlocking for those who may. */
export function LocksPage() {
  const { query } = usePlace()
  const asked = { person: query.get('person') ?? '', target: query.get('target') ?? '' }
  const [withPast, setWithPast] = useState(false)
  const [isLocking, setLocking] = useState(asked.person !== '' || asked.target !== '')
  const [lifting, setLifting] = useState<Lock>()
  const [made, setMade] = useState<Lock>()
  const [shown, setShown] = useState(PAGE)
  const [filter, setFilter] = useState('')
  const me = useStore(signIn)
  const mayLock = me.state === 'in' && me.me.roles.includes('lock')
  const { data, error, reload } = useData(`locks ${withPast}`, () => api.locks.list(!withPast))
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'lock') reload()
  })
  const found = (data ?? []).filter((lock) => isFound(lock, filter))
  const close = (): void => {
    setLocking(false)
    navigate('/locks', { replace: true })
  }
  return (
    <>
      <div class="head">
        <h1>Locks</h1>
        {mayLock && (
          <button type="button" class="danger" onClick={() => setLocking(true)}>
            Lock…
          </button>
        )}
      </div>
      <p class="small soft">
        A lock ends every session of a person, or on a target, within a second, and allows no new ones until it is
        lifted or its time is over.
      </p>
      {made !== undefined && (
        <p class="note" role="status">
          <Text>{made.what}</Text> is locked; {count(made.endedSessions ?? 0, 'session')} ended.
        </p>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={withPast}
          onChange={({ currentTarget }) => setWithPast(currentTarget.checked)}
        />
        Also past locks
      </label>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="locks" />}
      {data?.length === 0 && (
        <Empty>{withPast ? 'Nothing that you can see was ever locked.' : 'Nothing that you can see is locked.'}</Empty>
      )}
      {data !== undefined && data.length > FEW_ROWS && (
        <FilterField of="Locks" value={filter} placeholder="who or what, reason, by whom" change={setFilter} />
      )}
      {data !== undefined && data.length > 0 && found.length === 0 && <Empty>No matching locks.</Empty>}
      {found.length > 0 && (
        <Table
          caption="Locks, newest first"
          rows={found.slice(0, shown)}
          id={({ id }) => id}
          columns={mayLock ? [...COLUMNS, { name: 'Action', brief: true, cell: unlock }] : COLUMNS}
        />
      )}
      {found.length > shown && (
        <div class="row">
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            Show more ({found.length - shown})
          </button>
        </div>
      )}
      {isLocking && mayLock && <NewLock asked={asked} made={setMade} close={close} />}
      {lifting !== undefined && <Unlock lock={lifting} close={() => setLifting(undefined)} />}
    </>
  )

  function unlock(lock: Lock) {
    if (lock.state !== 'active') return ''
    return (
      <button type="button" onClick={() => setLifting(lock)}>
        Unlock…<span class="visually-hidden">{` ${lock.what}`}</span>
      </button>
    )
  }
}

/** Whether every word is somewhere in it. */
function isFound({ id, what, reason, by }: Lock, filter: string): boolean {
  const text = [id, what, reason, by].join('\n').toLowerCase()
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

const COLUMNS: readonly Column<Lock>[] = [
  {
    name: 'Locked',
    wide: true,
    brief: true,
    cell: ({ id, what, subject }) => (
      <>
        <strong>
          <Text>{subject.type === 'target' ? `target ${what}` : what}</Text>
        </strong>{' '}
        <span class="mono small soft">{id}</span>
      </>
    ),
  },
  {
    name: 'State',
    brief: true,
    cell: ({ state }) => <Badge tone={state === 'active' ? 'bad' : ''}>{STATES[state]}</Badge>,
  },
  { name: 'Reason', wide: true, cell: ({ reason }) => <Text>{reason}</Text> },
  {
    name: 'Since',
    cell: ({ createdAt, by }) => (
      <>
        <When time={createdAt} />, by <Text>{by}</Text>
      </>
    ),
  },
  { name: 'Until', cell: (lock) => <Until lock={lock} /> },
]

const STATES: Readonly<Record<Lock['state'], string>> = { active: 'locked', over: 'ended', lifted: 'unlocked' }

function Until({ lock: { endsAt, lifted } }: { lock: Lock }) {
  if (lifted === undefined) return endsAt === undefined ? <>it is lifted</> : <When time={endsAt} />
  return (
    <>
      {formatDateTime(lifted.at)}, by <Text>{lifted.by}</Text>
      {lifted.reason === '' ? '' : ': '}
      <Text>{lifted.reason}</Text>
    </>
  )
}

function Unlock({ lock, close }: { lock: Lock; close: () => void }) {
  const [reason, setReason] = useState('')
  return (
    <Confirm
      title={`Unlock ${lock.what}`}
      confirm="Unlock"
      act={() => api.locks.lift(lock.id, reason.trim())}
      close={close}
    >
      <p class="small">
        Locked by <Text>{lock.by}</Text>: <Text>{lock.reason}</Text>. Sessions that it ended stay ended.
      </p>
      <label>
        Reason (optional)
        <input value={reason} maxLength={1000} onInput={({ currentTarget }) => setReason(currentTarget.value)} />
      </label>
    </Confirm>
  )
}

/** Rows at a time. */
const PAGE = 50
