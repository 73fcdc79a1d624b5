/** What tgtd says of its targets: a text for people, read here. Source: tgt's usr/target.c (tgt_target_show_all). */

export interface ShownTarget {
  readonly tid: number
  readonly iqn: string
  readonly sessions: readonly ShownSession[]
  readonly luns: readonly ShownLun[]
  readonly accounts: readonly string[]
  readonly initiators: readonly string[]
}

export interface ShownSession {
  readonly sid: bigint
  readonly initiator: string
  readonly connections: readonly number[]
}

export interface ShownLun {
  readonly lun: number
  readonly isOnline: boolean
  readonly path: string
}

type Draft<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer E)[] ? Draft<E>[] : T[Key] }

export function readShownTargets(text: string): ShownTarget[] {
  const targets: Draft<ShownTarget>[] = []
  let section = ''
  for (const line of text.split('\n')) {
    const words = line.trim()
    const target = targets.at(-1)
    const begun = /^Target (\d+): (.+)$/.exec(line)
    if (begun !== null) {
      targets.push({ tid: Number(begun[1]), iqn: begun[2]!, sessions: [], luns: [], accounts: [], initiators: [] })
      section = ''
    } else if (/^ {4}\S.*:$/.test(line)) {
      section = words
    } else if (target !== undefined && words !== '') {
      readLine(target, section, words)
    }
  }
  return targets as ShownTarget[]
}

function readLine(target: Draft<ShownTarget>, section: string, words: string): void {
  const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(words) ?? []
  switch (section) {
    case 'I_T nexus information:':
      readSession(target, name, value)
      return
    case 'LUN information:':
      if (name === 'LUN') target.luns.push({ lun: Number(value), isOnline: false, path: '' })
      else if (name === 'Online') target.luns.at(-1)!.isOnline = value === 'Yes'
      else if (name === 'Backing store path') target.luns.at(-1)!.path = value
      return
    case 'Account information:':
      if (!words.endsWith(' (outgoing)')) target.accounts.push(words)
      return
    case 'ACL information:':
      target.initiators.push(words)
      return
  }
}

function readSession(target: Draft<ShownTarget>, name: string, value: string): void {
  if (name === 'I_T nexus') target.sessions.push({ sid: BigInt(value), initiator: '', connections: [] })
  // `Initiator: NAME alias: none`
  else if (name.startsWith('Initiator')) target.sessions.at(-1)!.initiator = value.split(' ')[0]!
  else if (name === 'Connection') target.sessions.at(-1)!.connections.push(Number(value))
}
