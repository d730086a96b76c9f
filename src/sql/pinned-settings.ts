import { PamError } from '../shared/errors.ts'

/** What the configuration of a target sets for each session, and sessions may not lift. */
export interface PinnedSetting {
  /** As the configuration gives it. */
  readonly shown: string
  /** Of a time limit: in the unit of the setting. Undefined where no value is stricter than another. */
  readonly limit?: number | undefined
}

/** By the name of the setting, in small letters. */
export type PinnedSettings = ReadonlyMap<string, PinnedSetting>

export const NOTHING_PINNED: PinnedSettings = new Map()

/** Whether a value, in the unit of the setting, is at least as strict. Zero is none: to a server it means no limit, or has another meaning. */
export const isAsStrict = ({ limit }: PinnedSetting, value: number | undefined): boolean =>
  limit !== undefined && value !== undefined && value > 0 && value <= limit

export const pinnedRefusal = (name: string, { shown, limit }: PinnedSetting): PamError =>
  new PamError(
    'SETTING_REFUSED',
    `${name} is pinned by the configuration of this target: it stays ${shown}`,
    limit === undefined ? {} : { hint: 'set it to a smaller whole number, but not to zero' },
  )

/** What is wrong with `settings:` of a target, where `pinned` names a setting that has no value there. */
export const pinnedFindings = <Name extends string>(
  settings: { readonly [name in Name]?: unknown } & { readonly pinned: readonly Name[] },
): { path: PropertyKey[]; message: string }[] =>
  settings.pinned.flatMap((name, index) =>
    settings[name] === undefined
      ? [{ path: ['pinned', index], message: `${name} is pinned, but has no value here` }]
      : [],
  )
