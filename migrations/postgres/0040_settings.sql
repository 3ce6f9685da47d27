-- How often administrators have edited the settings of the house, which lie in `settings` under the key "house".
INSERT INTO versions (name, version) VALUES ('settings', 1);
