import { errorCodes, isErrorCode } from '../shared/error-codes.ts'
import { count, formatDateTime, formatLength } from '../shared/in-words.ts'
import type { AuditRecord } from './audit-chain.ts'
import { isAuditEventType, type AuditEventType } from './audit-event-types.ts'

/** Whose the thing is that an entry names by its id, on which target, and what it does where it is a held command. */
interface AuditSubject {
  readonly person: string
  readonly target: string
  readonly what?: string | undefined
}

/** Names for the ids that entries give. */
export interface Names {
  readonly people: Readonly<Record<string, string>>
  readonly subjects: Readonly<Record<string, AuditSubject>>
}

/** An entry with what is needed to say it. */
interface Said {
  readonly who: string
  readonly subject: string
  /** What its subject is, where the gateway knows. */
  readonly about: AuditSubject | undefined
  /** A field as text; empty where it is not there. */
  readonly text: (name: string) => string
  readonly number: (name: string) => number
  readonly list: (name: string) => readonly string[]
  /** Of all numbers in it. */
  readonly sum: number
  readonly names: Names
}

/** What an entry says, in a sentence of plain text: `bob@example.com approved jane@example.com's TRUNCATE on prod-db`. */
export function sentenceOf({ type, actor, subject, data }: AuditRecord, names: Names): string {
  const who = actor === 'gateway' ? 'The gateway' : (own(names.people, actor) ?? actor)
  const said: Said = {
    who,
    subject,
    about: own(names.subjects, subject),
    text: (name) => (typeof data[name] === 'string' ? data[name] : ''),
    number: (name) => (typeof data[name] === 'number' ? data[name] : 0),
    list: (name) => {
      const value = data[name]
      return Array.isArray(value) ? value.map(String) : []
    },
    sum: Object.values(data).reduce<number>((sum, value) => sum + (typeof value === 'number' ? value : 0), 0),
    names,
  }
  if (isAuditEventType(type)) return capital(SENTENCES[type](said))
  return `${who}: ${type} ${subject}`
}

/** Of what an object itself has: an entry may be about something called `constructor`. */
const own = <T>(named: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(named, name) ? named[name] : undefined

const whose = (person: string | undefined): string => (person === undefined ? '' : `${person}'s `)
/** In plain quotes: those of typographers are marked as characters that deceive. What is quoted cannot end its quotes. */
const inQuotes = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
/** A target as somebody asked for it, which may be any text: one that is no name looks like no part of the sentence. */
const asked = (target: string): string => (/^[\w.-]{1,63}$/.test(target) ? target : inQuotes(target))
const quoted = (text: string): string => (text === '' ? '' : `: ${inQuotes(text)}`)
const on = (target: string): string => (target === '' ? '' : ` on ${target}`)
const to = (target: string): string => (target === '' ? '' : ` to ${target}`)

/** `jane@example.com's TRUNCATE on prod-db`. */
const command = ({ about, text }: Said): string =>
  `${about === undefined ? 'a command' : `${about.person}'s ${text('statement') || about.what || 'command'}`}${on(about?.target ?? text('target'))}`
/** `jane@example.com's access to prod-db`. */
const access = ({ about, text }: Said): string => `${whose(about?.person)}access${to(about?.target ?? text('target'))}`
/** `the recording of jane@example.com on prod-db`. */
const recording = ({ about, subject }: Said): string =>
  `the recording of ${about === undefined ? subject : `${about.person} on ${about.target}`}`
const session = ({ about, subject }: Said): string =>
  about === undefined ? `session ${subject}` : `the session of ${about.person} on ${about.target}`
const emergency = ({ text, names }: Said): string =>
  `The emergency access of ${own(names.people, text('person')) ?? 'somebody'}${to(text('target'))}`
/** Whom or what a lock is about. */
const locked = ({ text, names }: Said): string =>
  own(names.people, text('person')) ??
  (text('person') || text('target') || (text('label') === '' ? 'access' : `all targets with ${text('label')}`))
const until = ({ number }: Said): string => {
  const at = number('endsAt')
  return at === 0 ? '' : ` until ${formatDateTime(new Date(at).toISOString())}`
}
/** Who approved: a person, or what the rules name in their place. */
const approver = ({ who, text }: Said): string => text('approver') || who
const purpose = ({ text }: Said): string => (text('format') === '' ? '' : ` as ${text('format').toUpperCase()}`)

/** What an error code means: `: the client closed the connection`; one that a later version has written stays as it is. */
const because = ({ text }: Said): string => {
  const code = text('code')
  if (code === '') return ''
  return isErrorCode(code) ? `: ${inSentence(errorCodes[code].summary)}` : ` (${code})`
}
const inSentence = (summary: string): string =>
  `${summary.charAt(0).toLowerCase()}${summary.slice(1).replace(/\.$/, '')}`

/** By type, so that the compiler names one that is missing. */
const SENTENCES: Readonly<Record<AuditEventType, (said: Said) => string>> = {
  'access.refused': (said) => `${said.who} was refused ${asked(said.subject)}${because(said)}`,
  'account.dropped': ({ subject, text }) => `The gateway dropped the account ${subject}${on(text('target'))}`,
  'approval.approved': (said) => `${said.who} approved ${command(said)}${quoted(said.text('comment'))}`,
  'approval.denied': (said) => `${said.who} denied ${command(said)}${quoted(said.text('comment'))}`,
  'approval.expired': (said) => `Nobody decided on ${command(said)} in time`,
  'approval.filed': (said) => `${command(said)} is held for approval by the rule ${inQuotes(said.text('rule'))}`,
  'approval.used': (said) => `${command(said)} was run once, as approved`,
  'approval.void': (said) => `The approval of ${command(said)} became void: what would run had changed`,
  'approval.withdrawn': (said) => `${command(said)} was withdrawn while it waited for approval`,
  'audit.altered': () => 'The gateway found that the audit chain had been altered',
  'audit.viewed': ({ who }) => `${who} read the audit chain`,
  'breakglass.begun': (said) =>
    `${said.who} asked for emergency access${to(said.text('target'))}${quoted(said.text('reason'))}`,
  'breakglass.ended': (said) => `${emergency(said)} ended, and awaits a review`,
  'breakglass.review_due': (said) => `${emergency(said)} still awaits a review`,
  'breakglass.granted': (said) => `${said.who} has emergency access${to(said.text('target'))}${until(said)}`,
  'breakglass.refused': (said) =>
    `${own(said.names.people, said.text('person')) ?? 'Somebody'} was refused emergency access${to(said.text('target'))}${because(said)}`,
  'breakglass.reviewed': (said) =>
    `${said.who} reviewed the emergency access of ${own(said.names.people, said.text('person')) ?? 'somebody'}${to(said.text('target'))}${quoted(said.text('comment') || said.text('note'))}`,
  'callers.refused': ({ sum }) => `The gateway refused ${count(sum, 'call')} without a valid sign-in`,
  'clock.agrees': () => "The system's clock agrees with the gateway's time again",
  'clock.behind': ({ number }) =>
    `The system's clock is behind by ${formatLength(number('behindMs'))}; the gateway goes on by its own time`,
  'clock.corrected': ({ text }) =>
    `The gateway's time was taken back from ${text('from')} to ${text('to')}; all access and sign-ins ended`,
  'config.loaded': ({ list }) => `The gateway started with ${count(list('targets').length, 'target')}`,
  'config.reloaded': ({ list }) =>
    `The configuration was reloaded${list('changed').length === 0 ? ', without a change' : `; changed: ${list('changed').join(', ')}`}`,
  'credential.extend_failed': ({ text }) =>
    `The credential ${text('user')} could not be extended with the access${text('state') === 'given up' ? ', and has ended' : '; the gateway tries again'}`,
  'credential.extended': ({ text, number }) =>
    `The credential ${text('user')} was extended with the access, after ${count(number('attempts'), 'attempt')}`,
  'credential.leased': ({ text }) => `The gateway leased the credential ${text('user')} from ${text('reference')}`,
  'credential.revoked': ({ text }) => `The credential ${text('user')} from ${text('reference')} was revoked`,
  'credentials.available': ({ text }) => `The credential store ${text('what')} is available again`,
  'credentials.unavailable': ({ text }) =>
    `The credential store ${text('what')} is unavailable${quoted(text('problem'))}`,
  'device.approved': ({ who, text }) =>
    `${who} let a command line${text('device') === '' ? '' : ` on ${text('device')}`} sign in`,
  'device.denied': ({ who, text }) =>
    `${who} refused to let a command line${text('device') === '' ? '' : ` on ${text('device')}`} sign in`,
  'directory.group_changed': ({ who, subject }) => `${who} changed the group ${subject}`,
  'directory.group_created': ({ who, subject }) => `${who} created the group ${subject}`,
  'directory.group_deleted': ({ who, subject }) => `${who} deleted the group ${subject}`,
  'directory.user_changed': ({ who, subject, text }) => `${who} changed the user ${text('userName') || subject}`,
  'directory.user_created': ({ who, subject, text }) => `${who} created the user ${text('userName') || subject}`,
  'directory.user_deleted': ({ who, subject, text }) => `${who} deleted the user ${text('userName') || subject}`,
  'directory.user_linked': ({ who, subject }) => `${who} was linked to the directory user ${subject}`,
  'grant.allowed-again': (said) => `${said.who} allowed ${access(said)} again`,
  'grant.begun': (said) => `${access(said)}, which rules had approved in advance, began`,
  'grant.created': (said) =>
    `${said.about?.person ?? own(said.names.people, said.text('person')) ?? said.who} has access${to(said.text('target'))}${until(said)}`,
  'grant.extended': (said) =>
    `${said.who} extended the access of ${said.about?.person ?? own(said.names.people, said.text('person')) ?? 'somebody'}${to(said.text('target'))}${until(said)}`,
  'grant.revoked': (said) => `${said.who} revoked ${access(said)}${quoted(said.text('reason'))}`,
  'home.back': ({ text }) => `The home ${text('home')} accepts recordings again`,
  'home.failed': ({ text }) => `The home ${text('home')} accepts no recordings${quoted(text('problem'))}`,
  'journal.begun': ({ subject }) => `The gateway began journal ${subject}`,
  'journal.recovered': ({ subject }) => `The gateway recovered journal ${subject} after an unclean stop`,
  'journal.released': ({ subject }) => `The gateway removed journal ${subject}: all of it is sealed`,
  'key.rotated': ({ subject }) => `The key that seals recordings was rotated; the next one is ${subject}`,
  'lock.created': (said) => `${said.who} locked ${locked(said)}${until(said)}${quoted(said.text('reason'))}`,
  'lock.ended': (said) => `The lock of ${locked(said)} ended`,
  'lock.lifted': (said) => `${said.who} unlocked ${locked(said)}${quoted(said.text('reason'))}`,
  'login.changed': ({ who, list }) => `${who} now has the groups ${list('groups').join(', ') || 'none'}`,
  'login.created': ({ who, text }) => `${who} signed in${text('from') === '' ? '' : ` from ${text('from')}`}`,
  'login.ended': ({ who }) => `A sign-in was ended by ${who === 'The gateway' ? 'the gateway' : who}`,
  'login.refresh_reused': ({ who }) => `A refresh token of ${who} was used again, so the sign-in was ended`,
  'passkey.refused': ({ who, text }) => `The passkey of ${who} was refused${quoted(text('reason'))}`,
  'passkey.registered': ({ who, text }) => `${who} registered a passkey${quoted(text('name'))}`,
  'passkey.removed': ({ who, text, names }) =>
    `${who} removed a passkey of ${own(names.people, text('person')) ?? (text('label') || 'somebody')}${quoted(text('name'))}`,
  'policy.replayed': ({ who }) => `${who} replayed rules against past commands`,
  'provider.logged_out': ({ who, subject }) => `${who} logged ${subject} out`,
  'recording.apart_erased': (said) =>
    `${said.who} erased the detached texts of ${session(said)}${quoted(said.text('reason'))}`,
  'recording.apart_not_erased': (said) =>
    `The detached texts of ${session(said)} could not be erased${quoted(said.text('problem'))}`,
  'recording.apart_viewed': (said) => `${said.who} read the detached texts of ${session(said)}`,
  'recording.back': () => 'Recordings can be written again',
  'recording.damaged': (said) => `${recording(said)} is damaged${quoted(said.text('problem'))}`,
  'recording.deleted': (said) => `${recording(said)} was deleted by the rule ${inQuotes(said.text('rule'))}`,
  'recording.exported': (said) => `${said.who} exported ${recording(said)}${purpose(said)}`,
  'recording.failed': ({ text }) => `Recordings cannot be written${quoted(text('reason'))}`,
  'recording.held': (said) => `${said.who} put a legal hold on ${recording(said)}${quoted(said.text('reason'))}`,
  'recording.hold_lifted': (said) =>
    `${said.who} lifted the legal hold on ${recording(said)}${quoted(said.text('reason'))}`,
  'recording.missing': (said) => `${recording(said)} is missing`,
  'recording.not_deleted': (said) => `${recording(said)} could not be deleted${quoted(said.text('problem'))}`,
  'recording.recovered': (said) => `${recording(said)} was recovered after an unclean stop`,
  'recording.retained': (said) =>
    `${recording(said)} is kept by its archive, past the rule ${inQuotes(said.text('rule'))}`,
  'recording.sealed': (said) => `${recording(said)} was sealed`,
  'recording.stored': (said) => `${recording(said)} was stored in ${said.text('home')}`,
  'recording.verified': (said) => `${said.who} verified ${recording(said)}`,
  'recording.viewed': (said) => `${said.who} viewed ${recording(said)}`,
  'recordings.altered': ({ number }) =>
    `The gateway found ${count(number('count'), 'entry')} of the table of recordings altered, and restored them`,
  'recordings.searched': ({ who, text }) => `${who} searched recordings${on(text('target'))}`,
  'request.answer_ignored': (said) =>
    `The webhook ${inQuotes(said.text('webhook'))} approved ${access(said)} too late, and nothing changed${quoted(said.text('why'))}`,
  'request.approved': (said) => `${approver(said)} approved ${access(said)}${quoted(said.text('comment'))}`,
  'request.created': (said) =>
    `${said.who} asked for access${to(said.text('target'))} for ${formatLength(said.number('lengthMs'))}${quoted(said.text('reason'))}`,
  'request.denied': (said) => `${said.who} denied ${access(said)}${quoted(said.text('comment'))}`,
  'request.expired': (said) => `Nobody decided on ${access(said)} in time`,
  'request.referred': (said) =>
    `The webhook ${inQuotes(said.text('webhook'))} did not approve ${access(said)}, so people decide${quoted(said.text('why'))}`,
  'request.withdrawn': (said) =>
    said.about?.person === said.who
      ? `${said.who} withdrew their request for access${to(said.about.target)}`
      : `${said.who} withdrew the request for ${access(said)}`,
  'secret.removed': ({ text }) => `${text('by') || 'The operator'} removed the secret ${text('name')}`,
  'secret.rewrapped': ({ text }) =>
    `${text('by') || 'The operator'} encrypted the secret ${text('name')} with another key`,
  'secret.set': ({ text }) => `${text('by') || 'The operator'} set the secret ${text('name')}`,
  'session.ended': (said) =>
    `${session(said)} ended after ${count(said.number('commands'), 'command')}${because(said)}`,
  'session.killed': (said) => `${said.who} ended ${session(said)}${quoted(said.text('reason'))}`,
  'session.opened': ({ who, text }) =>
    `${who} connected${to(text('target'))}${text('from') === '' ? '' : ` from ${text('from')}`}`,
  'session.recovered': (said) => `The gateway stopped during ${session(said)}`,
  'sessions.watched': ({ who }) => `${who} viewed what runs in live sessions`,
  'target.host_key_trusted': ({ text }) => `The gateway trusted the host key of ${text('target')} at its first use`,
}

/** The first letter of a sentence. */
const capital = (text: string): string => (/^(?:the|a) /.test(text) ? text[0]?.toUpperCase() + text.slice(1) : text)
