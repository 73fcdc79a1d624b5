/** What a token is for. */
import type { DomainId, ProjectId } from '../../ids.ts'

export type Scope =
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'project'; readonly id: ProjectId }
  | { readonly kind: 'domain'; readonly id: DomainId }
  | { readonly kind: 'system' }

export const UNSCOPED: Scope = { kind: 'unscoped' }
