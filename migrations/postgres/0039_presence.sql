-- When there was a last sign of life, and what somebody was who went offline for want of one.

ALTER TABLE experts ADD COLUMN presence_seen_at timestamptz;
ALTER TABLE experts ADD COLUMN presence_lapsed text CHECK (presence_lapsed IN ('online', 'busy'));
CREATE INDEX experts_there ON experts (user_id) WHERE presence <> 'offline';
