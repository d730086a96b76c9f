import { useEffect, useRef, useState } from 'preact/hooks'
import { Empty, Problem } from '../components/ui/parts.tsx'
import { Text } from '../components/ui/text.tsx'
import { AccessPage } from '../features/access/page.tsx'
import { AccountPage } from '../features/account/page.tsx'
import { AuditPage } from '../features/audit/page.tsx'
import { dueReviews, EmergencyBanner, useEmergencies } from '../features/inbox/emergencies.tsx'
import { InboxPage, ReviewPage } from '../features/inbox/page.tsx'
import { useWaitingCount } from '../features/inbox/waiting.ts'
import { LocksPage } from '../features/locks/page.tsx'
import { LivePage, WatchPage } from '../features/live/page.tsx'
import { PolicyPage } from '../features/policy/page.tsx'
import { SessionPage } from '../features/sessions/session-page.tsx'
import { SessionsPage } from '../features/sessions/page.tsx'
import type { PamError } from '../../src/shared/errors.ts'
import { api, askIfLocked, askWhoIsSignedIn, signIn, signInLink, type SignIn } from '../lib/client.ts'
import { liveStatus, startLive, useLive } from '../lib/live.ts'
import { useStore } from '../lib/store.ts'
import { useData } from '../lib/use-data.ts'
import { Boundary } from './boundary.tsx'
import { Link, usePlace } from './router.tsx'
import { useSearchKey } from './search-key.ts'

/** The whole dashboard, once the user is known. */
export function App() {
  const state = useStore(signIn)
  switch (state.state) {
    case 'asking':
      return <p class="boot">Loading…</p>
    case 'failed':
      if (state.error.code === 'LOCKED') return <LockedOut error={state.error} />
      return (
        <main>
          <h1>The gateway is not responding</h1>
          <Problem error={state.error} retry={() => void askWhoIsSignedIn()} />
        </main>
      )
    case 'out':
      return <SignedOut why={state.why} />
    case 'in':
      return <Shell state={state} />
  }
}

/** All that somebody sees who is locked: why, by whom, until when, and who can change that. */
function LockedOut({ error }: { error: PamError }) {
  useEffect(() => {
    document.title = 'Locked out · pamctl'
  }, [])
  return (
    <main class="boot sign-in">
      <div class="card" role="alert">
        <h1>
          <img src="/icon.svg" alt="" width="32" height="32" /> You are locked out
        </h1>
        <p>
          <Text>{error.message}</Text>
        </p>
        {error.hint !== undefined && (
          <p class="small soft">
            <Text>{error.hint}</Text>
          </p>
        )}
        <p>
          <button type="button" onClick={() => void askWhoIsSignedIn()}>
            Try again
          </button>
        </p>
      </div>
    </main>
  )
}

function SignedOut({ why }: { why: string | undefined }) {
  useEffect(() => {
    document.title = 'Sign in · pamctl'
  }, [])
  const { data } = useData('discovery', () => api.discover())
  return (
    <main class="boot sign-in">
      <div class="card">
        <h1>
          <img src="/icon.svg" alt="" width="32" height="32" /> pamctl
        </h1>
        {data?.organization !== undefined && (
          <p class="organization">
            <Text>{data.organization}</Text>
          </p>
        )}
        <p>{why ?? 'Approvals, live sessions and recordings for your privileged access.'}</p>
        <p>
          <a class="button primary" href={signInLink(why === undefined ? undefined : '/')}>
            Sign in
          </a>
        </p>
        <p class="small">
          <a href={signInLink(why === undefined ? undefined : '/', true)}>Use another account</a>
        </p>
        <p class="small soft">
          Gateway <Text>{location.host}</Text>
        </p>
      </div>
    </main>
  )
}

function Shell({ state }: { state: Extract<SignIn, { state: 'in' }> }) {
  const { path } = usePlace()
  const main = useRef<HTMLElement>(null)
  const emergencies = useEmergencies().data ?? []
  const forMe = useWaitingCount()
  const due = dueReviews(emergencies)
  // A number that is still growing would say less than is waiting.
  const waiting = forMe === undefined ? 0 : forMe + due
  useSearchKey()
  const first = useRef(true)
  const title = titleOf(path)
  useEffect(() => {
    const leaving = new AbortController()
    startLive(leaving.signal)
    return () => leaving.abort()
  }, [state.me.login])
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'lock') askIfLocked()
  })
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${title} · pamctl`
  }, [title, waiting])
  useEffect(() => {
    // A new page starts at its top.
    if (!first.current) main.current?.focus()
    first.current = false
  }, [path])
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <div class="top-in">
          <Link to="/" class="brand">
            <img src="/icon.svg" alt="" width="24" height="24" />
            pamctl
          </Link>
          <nav class="nav" aria-label="Pages">
            {NAVIGATION.map(({ to, label }) => (
              <Link key={to} to={to} aria-current={isAt(path, to) ? 'page' : undefined}>
                {label}
                {to === '/' && waiting > 0 && (
                  <>
                    {' '}
                    <span class="badge warn" data-testid="waiting">
                      <span aria-hidden="true">{waiting > 99 ? '99+' : waiting}</span>
                      <span class="visually-hidden">{waiting} waiting for you</span>
                    </span>
                  </>
                )}
              </Link>
            ))}
          </nav>
          <Link to="/account" class="who" aria-current={path === '/account' ? 'page' : undefined}>
            <Text>{state.me.person.label}</Text>
          </Link>
        </div>
        <Connection lost={state.lost} />
        <EmergencyBanner uses={emergencies} />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={path}>
          <Page path={path} />
        </Boundary>
      </main>
    </>
  )
}

/** Reports when the data on the page may be out of date. */
function Connection({ lost }: { lost: string | undefined }) {
  const status = useStore(liveStatus)
  const [late, setLate] = useState(false)
  useEffect(() => {
    setLate(false)
    if (status === 'live') return
    // A short interruption of the event stream is not reported, and neither is a gateway that is only slow to open it.
    const timer = setTimeout(() => setLate(true), status === 'offline' ? 1500 : 10_000)
    return () => clearTimeout(timer)
  }, [status])
  if (lost !== undefined)
    return (
      <div class="banner bad" role="alert">
        {lost} <a href={signInLink()}>Sign in again</a>
      </div>
    )
  if (status === 'live' || !late) return null
  return (
    <div class="banner" role="status">
      Can't reach the gateway. Data may be out of date; reconnecting…
    </div>
  )
}

function Page({ path }: { path: string }) {
  const [, first = '', second] = path.split('/')
  const id = second === undefined ? undefined : decoded(second)
  switch (first) {
    case '':
      return <InboxPage />
    case 'reviews':
      return id === undefined ? <InboxPage /> : <ReviewPage key={id} id={id} />
    case 'live':
      return id === undefined ? <LivePage /> : <WatchPage key={id} id={id} />
    case 'sessions':
      return id === undefined ? <SessionsPage /> : <SessionPage key={id} id={id} />
    case 'access':
      return <AccessPage />
    case 'locks':
      return <LocksPage />
    case 'policy':
      return <PolicyPage />
    case 'audit':
      return <AuditPage />
    case 'account':
      return <AccountPage />
    default:
      return (
        <Empty>
          This page does not exist. <Link to="/">Go to the inbox</Link>
        </Empty>
      )
  }
}

const NAVIGATION = [
  { to: '/', label: 'Inbox' },
  { to: '/live', label: 'Live' },
  { to: '/sessions', label: 'Sessions' },
  { to: '/access', label: 'Access' },
  { to: '/policy', label: 'Policy' },
  { to: '/locks', label: 'Locks' },
  { to: '/audit', label: 'Audit' },
]

/** A decoded segment of a path; unchanged where it is not valid percent-encoding. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const isAt = (path: string, to: string): boolean =>
  to === '/' ? path === '/' || path.startsWith('/reviews') : path === to || path.startsWith(`${to}/`)

const titleOf = (path: string): string =>
  NAVIGATION.find(({ to }) => isAt(path, to))?.label ?? (path === '/account' ? 'Account' : 'pamctl')
