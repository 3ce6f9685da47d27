// Shapes of the public contract, for the type checker only.

/** @typedef {"user" | "expert" | "manager" | "admin"} Role */
/** @typedef {"pending" | "confirmed" | "rejected" | "cancelled" | "completed" | "missed"} Status */
/** @typedef {"confirm" | "reject" | "cancel" | "complete" | "miss" | "reschedule" | "edit" | "keep" | "review"} Verb */

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} email
 * @property {string} name
 * @property {Role} role
 * @property {string | null} phone
 * @property {string | null} gender
 * @property {string} description
 * @property {string | null} avatar_url
 * @property {string} locale
 * @property {string} time_zone
 * @property {boolean} email_verified
 * @property {string} created_at
 * @property {boolean} [disabled] for administrators
 * @property {string | null} [branch_id] a manager's or an expert's
 */

/**
 * @typedef {object} ApiKey
 * @property {string} id
 * @property {string} name
 * @property {string} prefix
 * @property {string[]} scopes
 * @property {string} user_id
 * @property {string} created_at
 * @property {string | null} expires_at
 * @property {string | null} last_used_at
 * @property {string | null} revoked_at
 * @property {string | null} [key] in the answer that makes it
 */

/**
 * @typedef {object} AuditEntry
 * @property {string} id
 * @property {string} at
 * @property {{id: string, name: string} | null} actor
 * @property {{id: string, name: string} | null} api_key
 * @property {string} action
 * @property {string} subject
 * @property {any} before
 * @property {any} after
 */

/** @typedef {{name: string, contact: string | null, registration: boolean, guest_bookings: boolean}} House what everybody may know of it */
/** @typedef {House & {locale: string, time_zone: string, booking_rules: BookingRules, reminder_offsets_minutes: number[]}} HouseSettings */
/** @typedef {{name: string, variable: string, value: any, secret: boolean, set: boolean, origin: "default" | "file" | "environment"}} ConfiguredItem */
/** @typedef {Record<Status | "in_progress", number>} Counts */

/**
 * @typedef {object} Overview
 * @property {string} from
 * @property {number} days
 * @property {string} today
 * @property {Counts} bookings_today
 * @property {Counts} bookings_this_week
 * @property {{date: string, counts: Counts}[]} bookings
 * @property {{expert: {id: string, name: string}, booked_minutes: number, open_minutes: number}[]} experts
 * @property {{date: string, channel: string, arrived: number, waiting: number, failed: number, skipped: number}[] | null} deliveries
 * @property {{dead: number, ambiguous: number, parked: number, unplanned: number, oldest_unplanned: string | null} | null} waiting
 */

/**
 * @typedef {object} WeekRow
 * @property {string} week
 * @property {string} starts_on
 * @property {{id: string, name: string}} expert
 * @property {{id: string, name: string} | null} branch
 * @property {Counts} counts
 * @property {number} total
 * @property {number} booked_minutes
 */

/**
 * @typedef {object} Session
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} expires_in seconds
 * @property {User} user
 */

/**
 * @typedef {object} BookingRules
 * @property {number[]} minutes lengths on offer
 * @property {number} interval_minutes
 * @property {number} buffer_before_minutes
 * @property {number} buffer_after_minutes
 * @property {number} min_notice_minutes
 * @property {number} horizon_days
 * @property {number | null} max_per_day
 * @property {number | null} max_per_week
 * @property {boolean} auto_confirm
 * @property {number} cancel_notice_minutes
 */

/** @typedef {import("./branch.js").Branch} Branch */
/** @typedef {import("./branch.js").BranchSettings} BranchSettings */
/** @typedef {import("./branch.js").Assignment} Assignment */

/**
 * @typedef {object} Expert
 * @property {string} id
 * @property {string} name
 * @property {string} headline
 * @property {string} description
 * @property {string | null} avatar_url
 * @property {string[]} tags
 * @property {string} time_zone
 * @property {number | null} rating
 * @property {number} review_count
 * @property {"online" | "busy" | "offline"} presence
 * @property {BookingRules} booking_rules
 * @property {string | null} [branch_id]
 * @property {string | null} [next_free_at]
 */

/** @typedef {{starts_at: string, ends_at: string}} Slot */
/**
 * @typedef {object} Waiting
 * @property {string} id
 * @property {"waiting" | "offered" | "accepted" | "declined" | "expired" | "left"} status
 * @property {Ref} expert
 * @property {Ref} client
 * @property {SessionRef | null} session whose seat is waited for
 * @property {number} minutes
 * @property {string} from
 * @property {string} until
 * @property {string} time_zone
 * @property {string | null} earliest
 * @property {string | null} latest
 * @property {"online" | "offline"} mode
 * @property {string | null} note
 * @property {number} ahead how many others wait longer
 * @property {{starts_at: string, ends_at: string, expires_at: string} | null} offer
 * @property {string | null} booking_id
 * @property {string} joined_at
 * @property {string | null} ended_at
 * @property {number} version
 */
/** @typedef {{id: string, title: string}} SessionRef */

/**
 * @typedef {object} GroupSession
 * @property {string} id
 * @property {Ref} expert
 * @property {string} title
 * @property {string | null} description
 * @property {"open" | "cancelled"} status
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {number} minutes
 * @property {string} time_zone
 * @property {"online" | "offline"} mode
 * @property {string | null} place
 * @property {string | null} link only for those who run it
 * @property {number} seats
 * @property {number} taken booked, or held for somebody who waits
 * @property {number} left
 * @property {boolean} auto_confirm
 * @property {string | null} reason
 * @property {number} version
 */

/** @typedef {{date: string, slots: Slot[]}} SlotDay */
/** @typedef {{expert_id: string, time_zone: string, days: SlotDay[]}} Slots */
/** @typedef {{id: string, name: string}} Ref */
/** @typedef {{id: string, expert_id: string, starts_at: string, ends_at: string, expires_at: string}} Hold */

/**
 * @typedef {object} Booking
 * @property {string} id
 * @property {string} code
 * @property {Status} status
 * @property {Ref} expert
 * @property {Ref} client
 * @property {SessionRef | null} session what it is a seat of
 * @property {import("./series.js").SeriesPlace | null} series which of a series it is
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {number} minutes
 * @property {string} time_zone the expert's
 * @property {{promised: string, shown: string} | null} clock_moved wall clocks in that zone
 * @property {"online" | "offline"} mode
 * @property {string | null} place
 * @property {string | null} link
 * @property {string | null} note
 * @property {string | null} reason
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} confirmed_at
 * @property {number} version
 * @property {Verb[]} actions
 * @property {string | null} cancel_until
 * @property {{stars: number, text: string | null, created_at: string} | null} review
 * @property {string} [manage_token] only in the answer to whoever booked without an account
 */

/**
 * @typedef {object} Notification
 * @property {string} id
 * @property {number} offset
 * @property {string} category
 * @property {string} kind
 * @property {string} title
 * @property {string} body
 * @property {{booking_id?: string, code?: string, starts_at?: string, waiting_id?: string, visit_id?: string}} data
 * @property {string | null} read_at
 * @property {string} created_at
 */

/** @typedef {{email: boolean, telegram: boolean, sms: boolean, push: boolean}} Channels */
/**
 * @typedef {object} Preferences
 * @property {Channels} channels
 * @property {{booking: Channels, reminder: Channels, review: Channels}} categories
 * @property {Interval | null} quiet_hours
 * @property {"off" | "daily"} digest
 */
/** @typedef {{available: boolean, linked: boolean, label: string | null, linked_at: string | null}} TelegramChat */
/** @typedef {{code: string, url: string, expires_at: string}} TelegramCode */
/** @typedef {{available: boolean, name: string | null}} OidcProvider */
/** @typedef {{id: string, issuer: string, name: string | null, email: string | null, linked_at: string, used_at: string}} SignIn */
/** @typedef {{password: boolean, items: SignIn[]}} SignIns */
/** @typedef {{url: string | null, created_at: string | null}} CalendarFeed */
/** @typedef {{starts_at: string, ends_at: string, missing: string | null}} ExplainedSlot */
/** @typedef {{date: string, time_zone: string, minutes: number, slots: ExplainedSlot[]}} ExplainedDay */
/** @typedef {{booking_id: string, code: string, client_name: string, starts_at: string, ends_at: string}} CalendarConflict */
/**
 * @typedef {object} CalendarImport
 * @property {string} id
 * @property {"ics" | "caldav"} kind
 * @property {string} name
 * @property {string} host
 * @property {string | null} read_at
 * @property {string} next_at
 * @property {string | null} fault
 * @property {number} failures
 * @property {string | null} failed_at
 * @property {number} events
 * @property {number} odd
 * @property {CalendarConflict[]} conflicts
 */
/** @typedef {{date: string, name: string, local_name: string | null, worked: boolean}} Holiday */
/** @typedef {{code: string, name: string | null}} Region */
/** @typedef {{region: string | null, days: Holiday[], regions: Region[]}} Holidays */
/** @typedef {{id: string, stars: number, text: string | null, client_name: string, created_at: string}} Review */
/** @typedef {{from: string, until: string}} Interval */
/** @typedef {Interval & {weekday: string}} WeeklyInterval */
/** @typedef {{time_zone: string, weekly: WeeklyInterval[], booking_rules: BookingRules}} Schedule */
/** @typedef {{date: string, intervals: Interval[]}} Override */
/** @typedef {{id: string, starts_at: string, ends_at: string, reason: string | null}} TimeOff */

/**
 * @typedef {object} Delivery
 * @property {string} id
 * @property {string} channel
 * @property {string} address
 * @property {string} status
 * @property {string | null} subject
 * @property {string} kind
 * @property {number} attempt
 * @property {string | null} next_at
 * @property {string} created_at
 * @property {string | null} sent_at
 * @property {string | null} last_error
 * @property {Ref | null} user
 * @property {string} event_id
 * @property {string} rule_id the rule that it was planned by
 * @property {number} rank 0 at once, n the n-th way after those before failed
 * @property {string | null} provider who took it
 * @property {string | null} reason why it is skipped or held
 * @property {string} [text]
 * @property {string | null} [html]
 * @property {{name: string, content_type: string, text: string}[]} [attachments]
 * @property {{number: number, started_at: string, finished_at: string | null, outcome: string | null, provider: string | null, provider_id: string | null, error: string | null}[]} [attempts]
 */

/**
 * @typedef {object} Provider
 * @property {string} channel
 * @property {string} provider
 * @property {"ready" | "paused" | "broken" | "probing"} state
 * @property {string | null} until
 * @property {string | null} pause
 * @property {number | null} tokens
 * @property {number} under_way
 * @property {string | null} last_error
 * @property {string | null} last_error_at
 * @property {Record<string, number>} counts
 */
/** @typedef {{kind: string, channel: string, language: string, source: "own" | "builtin" | "inbox" | "fallback", version: number, updated_at: string | null}} Text */
/**
 * @typedef {object} TextParts
 * @property {Record<string, string>} sections
 * @property {Record<string, string>} builtin
 * @property {string[]} variables
 * @property {{name: string, required: boolean, most: number}[]} parts
 * @property {{version: number, current: boolean, sections: Record<string, string>, created_at: string, created_by: string | null}[]} history newest first
 */
/** @typedef {Text & TextParts} TextDetail */
/** @typedef {{scene: string, title: string, text: string, html: string | null}} TextExample */
/** @typedef {{gate: string, passed: boolean, reason?: string, until?: string}} Check */
/** @typedef {{way: string, channel: string | null, rank: number, outcome: "planned" | "held" | "standby" | "gathered" | "closed", checks: Check[]}} WayTrace */
/**
 * @typedef {object} Decision
 * @property {string} rule_id
 * @property {number} rule_version
 * @property {Ref} user
 * @property {string} audience
 * @property {string} category
 * @property {string} class
 * @property {Check} condition
 * @property {boolean} inbox
 * @property {WayTrace[]} ways
 * @property {string} at
 */

/**
 * @typedef {object} Happening
 * @property {string} id
 * @property {string | null} type
 * @property {string | null} subject
 * @property {string} time
 * @property {any} data
 * @property {string | null} planned_at
 * @property {string | null} fault
 * @property {string[]} people
 */

/** @typedef {Delivery & {gates: {at: string, gate: string, passed: boolean, reason: string, until: string | null}[]}} ExplainedDelivery */
/**
 * @typedef {object} Explanation
 * @property {Happening} event
 * @property {Ref} user
 * @property {Decision[]} decisions
 * @property {{rule_id: string, reason: "off" | "audience" | "waiting"}[]} silent
 * @property {{id: string, rule_id: string, offset: number, title: string, read_at: string | null}[]} entries
 * @property {{way: string, leaves_at: string, left_at: string | null}[]} gathered
 * @property {ExplainedDelivery[]} deliveries
 */

/**
 * @typedef {object} Webhook
 * @property {string} id
 * @property {string} url
 * @property {string[]} events `*`, a beginning such as `booking.*`, or types
 * @property {string} description
 * @property {boolean} enabled
 * @property {"gone" | "failing" | null} disabled_cause why it was switched off by itself
 * @property {string | null} failing_since
 * @property {string | null} old_secret_until
 * @property {string} created_at
 * @property {string} updated_at
 */
/** @typedef {{channel: string, address: string, cause: string, detail: string, at: string, user: Ref | null}} Suppression */
/** @typedef {{way: keyof Channels, available: boolean, connected: boolean, held: string | null}} WayState */

/**
 * @typedef {object} RuleDraft
 * @property {string} on
 * @property {string} audience
 * @property {string | null} condition
 * @property {string} kind
 * @property {string} category
 * @property {string} class
 * @property {boolean} critical
 * @property {boolean} inbox
 * @property {string[]} channels
 * @property {string[]} own
 * @property {string[]} fallback
 * @property {number} delay_minutes
 * @property {string | null} calendar
 * @property {string} page
 * @property {boolean} enabled
 */
/** @typedef {RuleDraft & {id: string, version: number, created_at: string, created_by: string | null, edited: boolean | null}} Rule */
/**
 * @typedef {object} Rehearsal
 * @property {boolean} for_this_event
 * @property {string | null} fault
 * @property {Decision[]} decisions
 * @property {{user: Ref, title: string, body: string}[]} entries
 * @property {{user: Ref | null, channel: string, rank: number, send_at: string, subject: string, text: string}[]} messages
 */

/** @typedef {{id: string, kind: "fcm_token" | "fcm_fid" | "web_push", address: string, label: string, created_at: string, last_seen_at: string}} Device */

/**
 * @template T
 * @typedef {{items: T[], next: string | null}} Page
 */

export {};
