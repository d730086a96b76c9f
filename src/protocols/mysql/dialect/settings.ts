import { wordList } from '../../../shared/word-list.ts'

/** A setting that a statement moves: its scope stands before its name, unless it is the session's. */
export interface MovedSetting {
  readonly name: string
  readonly value: string | undefined
}

/** Whether a setting decides how text is read: it is read back before the next statement. */
export const isFollowed = ({ name }: MovedSetting): boolean => FOLLOWED.has(name)

/** Settings that decide how text is read, and are read back once they have moved. */
const FOLLOWED: ReadonlySet<string> = new Set(wordList('sql_mode names'))
