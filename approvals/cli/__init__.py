"""The reviewer's commands, and how every command speaks."""
