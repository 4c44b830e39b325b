module github.com/pgcli/paligemma

go 1.26
